# What the scripts beside this file share; they source it.

set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
fail() { say "error: $*"; exit 1; }

# Packages of Debian that are needed and missing.
missing_packages() {
  command -v pkg-config >/dev/null || echo pkg-config
  command -v mpirun >/dev/null || echo openmpi-bin
  pkg-config --exists ompi-c 2>/dev/null || echo libopenmpi-dev
  pkg-config --exists openblas 2>/dev/null || echo libopenblas-dev
}

install_packages() {
  local packages as_root=()
  packages=$(missing_packages)
  [ -n "$packages" ] || return 0
  command -v apt-get >/dev/null ||
    fail "expected a Debian with apt-get, found none; install Open MPI, OpenBLAS and pkg-config yourself"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "missing packages, and neither root nor sudo to install them:" $packages
    as_root=(sudo)
  fi
  say "installing" $packages
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends $packages >/dev/null
}

require_swift() {
  command -v swift >/dev/null || fail "expected Swift 6 on the PATH, found no 'swift'; see https://swift.org/install"
}

# Cores that this process may use: Open MPI counts cores, not hardware threads.
cores() {
  local usable physical
  usable=$(nproc)
  physical=$(lscpu -p=CORE,SOCKET 2>/dev/null | grep -v '^#' | sort -u | wc -l)
  if [ "$physical" -gt 0 ] && [ "$physical" -lt "$usable" ]; then echo "$physical"; else echo "$usable"; fi
}

# Makes mpirun start $1 ranks on this machine whoever we are and however few its cores are.
prepare_mpi() {
  local ranks=$1 cores
  cores=$(cores)
  if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
  if [ "$ranks" -gt "$cores" ]; then
    say "$ranks ranks share $cores cores: they yield to each other when idle"
    export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
  fi
}

# Of mpirun's own paragraphs, those that name a rank that was killed or left become one line, and those that only repeat what the program
# has said go. Everything else passes.
shorten_paragraphs() {
  awk -v name="$(basename "$0")" '
    function end_paragraph() {
      if (match(text, /process rank [0-9]+ .* exited on signal [^.]*/)) {
        line = substr(text, RSTART, RLENGTH)
        sub(/process /, "", line); sub(/ with PID [0-9]+ on node/, " on", line)
        print name ": error: " line
      } else if (match(text, /Process name: \[\[[0-9]+,[0-9]+\],[0-9]+\] +Exit code: +[0-9]+/)) {
        line = substr(text, RSTART, RLENGTH)
        status = line; sub(/.*: +/, "", status)
        rank = line; sub(/.*\],/, "", rank); sub(/\].*/, "", rank)
        if (status !~ /^(1|64|65|74|75)$/) print name ": error: rank " rank " ended with status " status
      } else if (text !~ /Per user-direction/) {
        printf "%s", paragraph
      }
      fflush()
    }
    /^-----------------------------------------------/ {
      if (inside) end_paragraph()
      inside = !inside; text = ""; paragraph = ""
      next
    }
    inside { text = text " " $0; paragraph = paragraph $0 "\n"; next }
    # What Open MPI says where a signal passes through it, and where another rank of this machine has gone.
    /^mpirun: Forwarding signal|^\[.*\] Read -1, expected [0-9]+, errno = 3$/ { next }
    { print; fflush() }
    END { if (inside) end_paragraph() }'
}

# Runs mpirun with these arguments, and ends this script with its status. Signals that ask to stop reach the ranks as SIGUSR1: to SIGTERM and SIGINT
# mpirun itself would answer by killing its ranks. It gets a session of its own, so that Ctrl-C on a terminal does not reach it either.
run_mpi() {
  local mpi filter status=0 interrupts=0
  # A crash is one line, not a page.
  export SWIFT_BACKTRACE=${SWIFT_BACKTRACE:-enable=no}
  exec 3> >(trap '' INT TERM HUP USR1; shorten_paragraphs >&2)
  filter=$!
  setsid mpirun -x SWIFT_BACKTRACE "$@" 2>&3 3>&- &
  mpi=$!
  exec 3>&-
  trap 'kill -USR1 "$mpi"' TERM USR1 HUP
  trap '[ $((interrupts += 1)) -gt 1 ] && kill -KILL "$mpi" || kill -USR1 "$mpi"' INT
  # A signal that is trapped ends the wait, not the program.
  while true; do
    status=0
    wait "$mpi" || status=$?
    kill -0 "$mpi" 2>/dev/null || break
  done
  wait "$filter" || true
  exit "$status"
}
