# shellcheck shell=bash
# What the scripts beside this file share; they source it.

set -euo pipefail
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# As long as there is nothing to save.
trap : USR2

# The program, and what makes it where it is this checkout's.
# shellcheck disable=SC2034 # For the scripts.
program=${CHARTRAIN_PROGRAM:-$top/.build/release/chartrain-dist}
set_up() { [ -n "${CHARTRAIN_PROGRAM:-}" ] || "$top/launch/setup"; }

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
fail() { say "error: $*"; exit 1; }
misused() { say "error: $*"; exit 64; }

# Shows the comment at the top of the script, where its first argument asks for help.
help_if_asked() { case ${1:-} in -h | --help) sed -n '2,/^source/{/^source/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;; esac; }

# Packages of Debian that are needed and missing.
missing_packages() {
  command -v pkg-config >/dev/null || echo pkg-config
  command -v mpirun >/dev/null || echo openmpi-bin
  pkg-config --exists ompi-c 2>/dev/null || echo libopenmpi-dev
  pkg-config --exists openblas 2>/dev/null || echo libopenblas-dev
}

install_packages() {
  local packages as_root=()
  mapfile -t packages < <(missing_packages)
  [ "${#packages[@]}" -gt 0 ] || return 0
  command -v apt-get >/dev/null ||
    fail "expected a Debian with apt-get, found none; install Open MPI, OpenBLAS and pkg-config yourself"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || fail "missing packages, and neither root nor sudo to install them: ${packages[*]}"
    as_root=(sudo)
  fi
  # With it lines can be edited in 'sample --interactive'; nobody must have it.
  packages+=(libedit2)
  say "installing ${packages[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends "${packages[@]}" >/dev/null
}

require_swift() {
  local version
  command -v swift >/dev/null || fail "expected Swift 6.2 or later on the PATH, found no 'swift'; see https://swift.org/install"
  version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -1)
  [ "$(printf '%s\n' 6.2 "${version:-0}" | sort -V | head -1)" = 6.2 ] || fail "expected Swift 6.2 or later, found ${version:-another}; see https://swift.org/install"
}

# Builds all tests and what they run. Each by its name: all that there is would be compilers of other languages too,
# which a package that we use brings along.
build_tests() {
  local product
  for product in chartrain-distPackageTests chartrain-dist world-contract-probe FaultyStorage; do
    swift build -c release --no-color-diagnostics --product "$product"
  done
}

# Cores that this process may use: Open MPI counts cores, not hardware threads.
cores() {
  local usable physical
  usable=$(nproc)
  physical=$(lscpu -p=CORE,SOCKET 2>/dev/null | grep -v '^#' | sort -u | wc -l)
  if [ "$physical" -gt 0 ] && [ "$physical" -lt "$usable" ]; then echo "$physical"; else echo "$usable"; fi
}

# The hosts of the hostfile $1 and their slots, one without any has one; of a host with several lines the sum.
list_hosts() {
  awk '{ sub(/\r$/, "") } /^[[:space:]]*(#|$)/ { next }
    { n = 1; for (i = 2; i <= NF && $i !~ /^#/; i++) if ($i ~ /^slots=/) n = substr($i, 7) + 0
      if (!($1 in slots)) names[++count] = $1
      slots[$1] += n }
    END { for (i = 1; i <= count; i++) print names[i], slots[names[i]] }' "$1"
}

# The same as a hostfile in which Open MPI finds nothing else: to it a host without slots has one for each core, and one with two lines is an error.
plain_hostfile() { list_hosts "$1" | sed 's/ / slots=/'; }

# The IPv4 address of the host $1, as ssh knows it; nothing where nobody knows it.
address_of() {
  local name
  name=$(${CHARTRAIN_SSH:-ssh} -G "$1" 2>/dev/null | sed -n 's/^hostname //p') || true
  getent ahostsv4 "${name:-${1#*@}}" | awk 'NR == 1 { print $1 }' || true
}

# Whether $1 names this machine.
is_here() {
  local address addresses
  case ${1#*@} in localhost | 127.* | "$(hostname)" | "$(hostname -s)") return 0 ;; esac
  address=$(address_of "$1")
  addresses=$(ip -o -4 address show | awk '{ sub(/\/.*/, "", $4); print $4 }')
  [ -n "$address" ] && grep -qxF "$address" <<<"$addresses"
}

# Makes mpirun start whoever we are.
allow_root() {
  if [ "$(id -u)" -eq 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
}

# $2, which is the name of one thing, as the name of $1 of them.
counted() { echo "$1 $2$([ "$1" -eq 1 ] || echo s)"; }

number_of() { local IFS=. parts; read -r -a parts <<<"$1"; echo $(((parts[0] << 24) + (parts[1] << 16) + (parts[2] << 8) + parts[3])); }

# Whether the address $1 is in the network $2.
is_in() {
  local shift=$((32 - ${2#*/}))
  [ $(($(number_of "$1") >> shift)) -eq $(($(number_of "${2%/*}") >> shift)) ]
}

# The network that this host shares with all others of the hostfile $1 whose names are known; nothing where they are in several.
network_to() {
  local name address source network=''
  while read -r name _; do
    if is_here "$name"; then continue; fi
    # A name that nobody knows is for ssh to complain of.
    address=$(address_of "$name")
    [ -n "$address" ] || continue
    if [ -z "$network" ]; then
      source=$(ip route get "$address" 2>/dev/null | sed -n 's/.* src \([^ ]*\).*/\1/p') || true
      network=$(ip -o -4 address show 2>/dev/null | awk -v source="$source/" 'index($4, source) == 1 { print $4; exit }') || true
    fi
    is_in "$address" "${network:-127.0.0.0/8}" || return 0
  done < <(list_hosts "$1")
  echo "$network"
}

# Which network and ports the hosts of the hostfile $1 use: those of NETWORK and PORTS, where these are set.
choose_network() {
  NETWORK=${NETWORK:-$(network_to "$1")} PORTS=${PORTS:-42000-42999}
  local part='(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])'
  [ -z "$NETWORK" ] || [[ $NETWORK =~ ^$part\.$part\.$part\.$part/([0-9]|[12][0-9]|3[0-2])$ ]] ||
    misused "NETWORK: expected a network such as 10.1.0.0/16, found '$NETWORK'"
  if ! [[ $PORTS =~ ^([1-9][0-9]{3,4})-([1-9][0-9]{3,4})$ ]] || [ $((BASH_REMATCH[2] - BASH_REMATCH[1])) -lt 39 ] ||
    [ "${BASH_REMATCH[2]}" -gt 65535 ]; then
    misused "PORTS: expected 40 ports or more, such as 42000-42999, found '$PORTS'"
  fi
  export NETWORK PORTS
}

# Whether all hosts of the hostfile $1 are this one.
are_all_here() {
  local name
  while read -r name _; do is_here "$name" || return 1; done < <(list_hosts "$1")
}

# Makes mpirun start ranks on the hosts of the hostfile $1. When a rank has ended it waits there four times for what it waits for twice on one (see below).
# What the user has told Open MPI stays.
prepare_hosts() {
  local family first last daemons
  allow_root
  export OMPI_MCA_odls_base_sigkill_timeout=${OMPI_MCA_odls_base_sigkill_timeout-1}
  if are_all_here "$1"; then
    keep_off_network
    return
  fi
  # Else beyond 64 hosts some would be started from others, to which nobody has promised a way.
  export OMPI_MCA_plm_rsh_no_tree_spawn=${OMPI_MCA_plm_rsh_no_tree_spawn-1}
  choose_network "$1"
  if [ -n "$NETWORK" ] && [ -z "${OMPI_MCA_btl_tcp_if_exclude:-}" ]; then
    export OMPI_MCA_btl_tcp_if_include=${OMPI_MCA_btl_tcp_if_include-$NETWORK}
  fi
  if [ -n "$NETWORK" ] && [ -z "${OMPI_MCA_oob_tcp_if_exclude:-}" ]; then
    export OMPI_MCA_oob_tcp_if_include=${OMPI_MCA_oob_tcp_if_include-$NETWORK}
  fi
  # The last ports are for mpirun and its daemons: it listens on all that it is given, but those of a run that has just failed are not free again at once.
  first=${PORTS%-*} last=${PORTS#*-} daemons=$((last - 19))
  for family in v4 v6; do
    export OMPI_MCA_btl_tcp_port_min_$family="$first" OMPI_MCA_btl_tcp_port_range_$family=$((daemons - first))
    export OMPI_MCA_oob_tcp_dynamic_ip${family}_ports="$daemons-$last"
  done
}

# Where all ranks are on this machine, mpirun need not listen for others on the network; the ranks see to themselves.
keep_off_network() { export OMPI_MCA_oob_tcp_if_include=${OMPI_MCA_oob_tcp_if_include-lo}; }

# Sets 'threads', those of each rank, and 'blocks', along which gradients are added up, to what the program makes of the arguments $@: options, a preset, a
# config file, an earlier run. For a command without ranks, or arguments that the program is going to refuse, one of each.
find_placement() {
  threads=1 blocks=1
  if [[ $("$program" "$@" --print-placement 2>/dev/null) =~ ^([0-9]+)\ ([0-9]+)$ ]]; then
    # shellcheck disable=SC2034 # For the scripts.
    threads=${BASH_REMATCH[1]} blocks=${BASH_REMATCH[2]}
  fi
}

# Gives each rank $1 cores of its own on its host, unless OVERSUBSCRIBE is set.
place_ranks() {
  if [ -n "${OVERSUBSCRIBE:-}" ]; then
    export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_mpi_yield_when_idle=1
  else
    export OMPI_MCA_rmaps_base_mapping_policy=slot:PE=$1 OMPI_MCA_hwloc_base_binding_policy=core
  fi
}

# Makes mpirun start $1 ranks of $2 threads on this machine however few its cores are.
prepare_mpi() {
  local ranks=$1 threads=${2:-1} cores
  cores=$(cores)
  allow_root
  # By itself mpirun would bind each of two ranks or one to a single core.
  if [ "$threads" -eq 1 ]; then
    :
  elif [ $((ranks * threads)) -le "$cores" ]; then
    place_ranks "$threads"
  else
    export OMPI_MCA_hwloc_base_binding_policy=none
  fi
  if [ "$ranks" -gt "$cores" ]; then
    say "$ranks ranks share $cores cores: they yield to each other when idle"
    export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
  fi
}

# Of mpirun's own paragraphs, those that name a rank that was killed or left become one line, and those that only repeat what the program
# has said go. Everything else passes, line by line, as it comes. Where ranks give up others, process $1 gets SIGALRM.
shorten_paragraphs() {
  local line text='' paragraph='' inside='' left=' '
  while IFS= read -r line || [ -n "$line" ]; do
    if [[ $line == -----------------------------------------------* ]]; then
      if [ -n "$inside" ]; then shorten "$text" "$paragraph"; inside=''; else inside=1; fi
      text='' paragraph=''
    elif [ -n "$inside" ]; then
      text+=" $line" paragraph+=$line$'\n'
    # What Open MPI says where a signal passes through it, where another rank of this machine has gone, and where a host has.
    elif [[ $line != "mpirun: Forwarding signal"* && $line != *"oob:tcp: send_msg: write failed"* && $line != *mca_oob_tcp_peer_send_handler* &&
      $line != "An internal error has occurred in ORTE:" && $line != *" FORCE-TERMINATE AT "* &&
      $line != "This is something that should be reported to the developers." &&
      $line != *" sent help message help-mpi-btl-tcp.txt "* && $line != *'"orte_base_help_aggregate" to 0 '* && $line != *"plm:rsh: Warning: setpgid"* && ! $line =~ ^\[.*\]\ Read\ -1,\ expected\ [0-9]+,\ errno\ =\ 3$ ]]; then
      printf '%s\n' "$line"
      [[ $line != *"gives up: no sign of life from"* ]] || kill -ALRM "$1"
      [[ ! $line =~ rank\ ([0-9]+)\ on\ .*\ left\ the\ run\ with ]] || left+="${BASH_REMATCH[1]} "
    fi
  done
  [ -z "$inside" ] || shorten "$text" "$paragraph"
}

# One paragraph of mpirun's: its text in one line, and as it was. The ranks that have said themselves how they ended are in 'left'.
shorten() {
  local killed='process rank ([0-9]+) with PID [0-9]+ on node ([^ ]+) exited on (signal [^.]*)'
  local lost='lost communication with a remote daemon.* Remote daemon: .* on node ([^ ]+)'
  local gone='Process name: \[\[[0-9]+,[0-9]+\],([0-9]+)\] +Exit code: +([0-9]+)'
  local unconnected='failed to TCP connect to a peer.* Local host: +([^ ]+) .*connect\(\) to ([^ ]+) failed'
  if [[ $1 =~ $killed && ${BASH_REMATCH[3]} == "signal 10 "* ]]; then
    say "asked to stop before the run had begun: nothing new is saved"
  elif [[ $1 =~ $killed ]]; then
    say "error: rank ${BASH_REMATCH[1]} on ${BASH_REMATCH[2]} exited on ${BASH_REMATCH[3]}"
  elif [[ $1 =~ $lost ]]; then
    say "error: lost the connection to host ${BASH_REMATCH[1]}"
  elif [[ $1 =~ $unconnected ]]; then
    say "warning: ${BASH_REMATCH[1]} cannot connect to ${BASH_REMATCH[2]}"
  elif [[ $1 == *"unable to reliably start one or more daemons"* ]]; then
    say "error: mpirun could not start its daemon 'orted' on a host: expected ssh to work, 'orted' on the PATH there, and a network both ways"
  elif [[ $1 =~ $gone ]]; then
    case ${BASH_REMATCH[2]} in
      1 | 64 | 65 | 70 | 74 | 75) ;; # It has said why.
      *) [[ $left == *" ${BASH_REMATCH[1]} "* ]] || say "error: rank ${BASH_REMATCH[1]} ended with status ${BASH_REMATCH[2]}" ;;
    esac
  elif [[ $1 != *"Per user-direction"* && $1 != *"MPI_ABORT was invoked"* && $1 != *"ORTE does not know how to route"* ]]; then
    printf '%s' "$2"
  fi
}

# Ends the mpirun $1 when all its processes have been dead for 10 seconds: it never notices that of ranks that died while it was starting them.
end_with_its_ranks() {
  local seen=0 states
  while sleep 5; do
    kill -0 "$1" || return
    states=$(ps -o stat= --ppid "$1") || true
    if [ -z "$states" ] || grep -qv '^Z' <<<"$states"; then seen=0; else seen=$((seen + 1)); fi
    if [ "$seen" -ge 3 ]; then kill -KILL "$1"; return 75; fi
  done
}

# Whether the process $1 listens to SIGUSR1 and SIGUSR2. Before, they would end it, and of a rank's early end mpirun may never hear.
hears() {
  local key mask
  while read -r key mask; do
    # SIGUSR1 is bit 9.
    if [ "$key" = SigCgt: ]; then return $(((0x$mask & 0x200) == 0)); fi
  done <"/proc/$1/status"
  return 1
} 2>/dev/null

# Runs mpirun with these arguments, and ends this script with its status. Signals that ask to stop reach the ranks as SIGUSR1: to SIGTERM and SIGINT
# mpirun itself would answer by killing its ranks. It gets a session of its own, so that Ctrl-C on a terminal does not reach it either.
# What it and the program say goes to standard error, and to the file $errors where that is set.
run_mpi() {
  local mpi='' filter watcher ended=0 status=0 stops=0 told=1 interrupts=0 reaper='' asker='' saves=''
  case " $* " in *" $program train "* | *" $program debug "* | *" $program -"*) saves=1 ;; esac
  # To the ranks that are here themselves, if there are any: where mpirun has been asked to end by others as well (a batch system asks all processes of
  # a job), a signal would cut short the time that it leaves its ranks to save in. Sets 'told' where there are such ranks and all of them heard it.
  tell() {
    local receivers=() name index
    [ -n "$mpi" ] || return 0
    name=$(basename "$program")
    told=1
    case $1 in
      USR1 | USR2)
        mapfile -t receivers < <(pgrep -P "$mpi" -x "${name:0:15}")
        if [ "${#receivers[@]}" -eq 0 ]; then receivers=("$mpi") told=0; fi
        for index in "${!receivers[@]}"; do hears "${receivers[index]}" || { unset "receivers[index]"; told=0; }; done
        ;;
      *) receivers=("$mpi") ;;
    esac
    [ "${#receivers[@]}" -eq 0 ] || kill "-$1" "${receivers[@]}" 2>/dev/null || true
  }
  # While mpirun starts its ranks, the request may be in vain: it is made once more until those here have heard it, or, where none are here, now and then.
  ask_again() {
    local tries=0
    while sleep $((tries < 20 ? 0 : 1)).1 && kill -0 "$mpi"; do
      tell USR1
      [ "$told" -eq 0 ] || return 0
      tries=$((tries + 1))
    done
  }
  ask_to_stop() {
    stops=1
    # Other commands have nothing to save.
    if [ -z "$saves" ]; then tell TERM; return; fi
    tell USR1
    [ "$told" -eq 0 ] && [ -n "$mpi" ] && [ -z "$asker" ] || return 0
    (trap '' INT TERM HUP USR1 USR2; ask_again) >/dev/null 2>&1 3>&- &
    asker=$!
  }
  trap ask_to_stop TERM USR1 HUP
  trap 'interrupts=$((interrupts + 1)); if [ "$interrupts" -gt 1 ]; then tell KILL; else ask_to_stop; fi' INT
  trap 'tell KILL' ABRT
  trap '[ -z "$saves" ] || tell USR2' USR2
  # Where a host is gone, mpirun waits for it to end its ranks.
  trap '[ -n "$reaper" ] || { bash -c "sleep 15; kill -KILL $mpi" >/dev/null 2>&1 & reaper=$!; }' ALRM
  # A crash is one line, not a page.
  export SWIFT_BACKTRACE=${SWIFT_BACKTRACE:-enable=no}
  # A host that is cut off is noticed in 5 + 3 * 2 seconds, not in minutes.
  export OMPI_MCA_oob_tcp_keepalive_time=5 OMPI_MCA_oob_tcp_keepalive_intvl=2 OMPI_MCA_oob_tcp_keepalive_probes=3
  # Nor is one that cannot be reached waited for.
  export OMPI_MCA_plm_rsh_args=${OMPI_MCA_plm_rsh_args--o BatchMode=yes -o ConnectTimeout=5 -o ServerAliveInterval=5 -o ServerAliveCountMax=3}
  # What SIGTERM to mpirun itself leaves the ranks to save in. It waits as long twice when a rank has ended: before it asks the others to end, and before
  # it kills them.
  export OMPI_MCA_odls_base_sigkill_timeout=${OMPI_MCA_odls_base_sigkill_timeout-2}
  local launcher=$BASHPID
  exec 3> >(trap '' INT TERM HUP USR1 USR2; shorten_paragraphs "$launcher" 2>&1 | tee -a ${errors:+"$errors"} >&2)
  filter=$!
  [ "$stops" -eq 0 ] || exit 75
  local name passed=(-x SWIFT_BACKTRACE)
  for name in $(compgen -e); do
    case $name in CHARTRAIN_* | OPENBLAS_* | OMP_*) passed+=(-x "$name") ;; esac
  done
  setsid mpirun "${passed[@]}" "$@" 2>&3 3>&- &
  mpi=$!
  # Signals to all processes of a job are not for it.
  (trap '' INT TERM HUP USR1 USR2; end_with_its_ranks "$mpi") >/dev/null 2>&1 3>&- &
  watcher=$!
  exec 3>&-
  [ "$stops" -eq 0 ] || ask_to_stop
  # A signal that is trapped ends the wait, not the program.
  while true; do
    wait "$mpi" 2>/dev/null || true
    kill -0 "$mpi" 2>/dev/null || break
  done
  trap '' ALRM
  # Where a signal ended the last wait too, this one has mpirun's status.
  status=0
  wait "$mpi" 2>/dev/null || status=$?
  kill -KILL "$watcher" ${asker:+"$asker"} 2>/dev/null || true
  wait "$watcher" 2>/dev/null || ended=$?
  [ "$ended" -ne 75 ] || say "error: all ranks were dead and mpirun did not notice"
  # Asked to stop before it could have listened, it had done nothing that must be saved.
  [ "$stops" -eq 0 ] || { [ "$status" -ne $((128 + $(kill -l USR1))) ] && [ "$ended" -ne 75 ]; } || status=75
  [ -z "$reaper" ] || kill "$reaper" 2>/dev/null || true
  # What mpirun has started, such as ssh to a host that is gone, may hold on to its standard error.
  { sleep 2; pkill -KILL -P "$filter" || true; kill -KILL "$filter"; } >/dev/null 2>&1 &
  wait "$filter" 2>/dev/null || true
  kill $! 2>/dev/null || true
  exit "$status"
}
