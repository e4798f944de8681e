"""Runs every program in turn, round after round, and prints medians and ratios as a table in Markdown."""

import datetime
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile

program, rounds = sys.argv[1], int(sys.argv[2])
if rounds < 1:
    sys.exit(f"expected at least 1 round, found {rounds}")
here = os.path.dirname(os.path.abspath(__file__))
CELLS = ["lstm", "gru", "rnn"]


def write_text(path):
    """485,749 characters of 53 kinds, as frequent as one over their rank: with <unk> and <pad> V = 55, as in the notebook."""
    kinds = "etaoinshrdlucmfwygpbvkxqjz 0123456789.,;:!?-'\"()[]&=*/"[:53]
    generator = random.Random(1)
    weights = [1 / (rank + 2) for rank in range(len(kinds))]
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(generator.choices(kinds, weights, k=485_749)))


def commands(text):
    """For each number of cores: name, command without the cell."""
    python = sys.executable

    def peer(file, cores, *options):
        pin = ["taskset", "-c", ",".join(map(str, range(cores)))]
        return lambda cell: pin + [python, f"{here}/{file}_peer.py", cell, text, "--cores", str(cores), *options]

    def ours(*launcher):
        return lambda cell: [*launcher, program, "bench", "--preset", f"notebook-{cell}", "--train", text,
                             "--validate", "none", "--json"]

    return {
        1: {"chartrain-dist": ours("taskset", "-c", "0"), "PyTorch": peer("pytorch", 1), "JAX": peer("jax", 1)},
        2: {"chartrain-dist, 2 ranks": ours("mpirun", "-q", "-n", "2"), "PyTorch, 2 threads": peer("pytorch", 2),
            "PyTorch, DDP over gloo": peer("pytorch", 2, "--processes", "2"), "JAX": peer("jax", 2)},
    }


def run(command):
    outcome = subprocess.run(command, capture_output=True, text=True)
    if outcome.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{outcome.stderr}")
    return json.loads([line for line in outcome.stdout.splitlines() if line.startswith("{")][-1])


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return next(line.split(":")[1].strip() for line in file if line.startswith("model name"))


def main():
    results = {}
    with tempfile.TemporaryDirectory() as directory:
        text = f"{directory}/text"
        write_text(text)
        for number in range(rounds):
            for cores, programs in commands(text).items():
                for cell in CELLS:
                    for name, command in programs.items():
                        print(f"round {number + 1}: {cell}, {cores} core(s), {name}", file=sys.stderr)
                        results.setdefault((cores, cell, name), []).append(run(command(cell)))

    def median(key, field):
        return statistics.median(result[field] for result in results[key])

    print(f"{datetime.date.today()}, {processor()}, medians of {rounds} rounds in alternation\n")
    print("| cores | model | program | ms per step | characters/s | memory of a process, MiB | times as slow |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: |")
    for (cores, cell, name) in results:
        own = next(key for key in results if key[:2] == (cores, cell))
        milliseconds = median((cores, cell, name), "stepMilliseconds")
        print(
            f"| {cores} | {cell} | {name} | {milliseconds:.2f} | {64 * 8 / milliseconds * 1000:,.0f} "
            f"| {median((cores, cell, name), 'peakResidentBytes') / 2**20:.0f} "
            f"| {milliseconds / median(own, 'stepMilliseconds'):.2f} |")
    print()
    for cell in CELLS:
        one, two = ((1, cell, "chartrain-dist"), (2, cell, "chartrain-dist, 2 ranks"))
        print(f"{cell}: {100 * median(one, 'fractionOfPeak'):.0f} % of peak on one core; two ranks "
              f"{median(one, 'stepMilliseconds') / median(two, 'stepMilliseconds'):.2f} times as fast as one")


main()
