#!/usr/bin/env python3
"""Checks that the extension loads on every Lambda runtime and quickly, and packs it into the layer's zip.

The zip holds `extensions/spanlayer` with mode 0755 and nothing else, because Lambda starts every file it finds there.
The same binary always gives the same bytes: times are fixed and nothing of the machine goes in.
"""

import argparse
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

MEMBER = "extensions/spanlayer"

# docs/performance.md: everything included. Megabytes as on disk, 10^6.
BUDGETS = {"binary": 5_500_000, "zip": 2_600_000}

# Bytes of code that run at the start, at the least: more than half of what did when layer/order.ld was written.
LEAST_IN_ORDER = 200_000

# `readelf --file-header` on the right.
MACHINES = {"x86_64": "Advanced Micro Devices X86-64", "arm64": "AArch64"}


def main() -> int:
    args = arguments()
    problems = loads_on_lambda(args.binary, args.arch, args.glibc)
    problems += in_order(args.binary)
    sizes = {"binary": args.binary.stat().st_size}
    if args.zip and not problems:
        pack(args.binary, args.zip)
        sizes["zip"] = args.zip.stat().st_size
    for what, size in sizes.items():
        print(f"{what:>7}  {size / 1e6:5.2f} MB of {BUDGETS[what] / 1e6:.1f} MB")
        if size > BUDGETS[what]:
            problems.append(f"the {what} is over its budget by {size - BUDGETS[what]:,} bytes")
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    if args.zip and not problems:
        print(f"{args.zip}")
    return 1 if problems else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", type=Path, required=True)
    parser.add_argument("--arch", choices=MACHINES, required=True)
    parser.add_argument("--glibc", required=True, help="the newest version that a symbol may ask for, such as 2.26")
    parser.add_argument("--zip", type=Path, help="where to write the layer; without it the binary is only checked")
    return parser.parse_args()


def loads_on_lambda(binary: Path, arch: str, glibc: str) -> list[str]:
    """What would keep the loader of an old runtime from starting the binary; empty when nothing would."""
    header = readelf("--file-header", binary)
    problems = []
    if MACHINES[arch] not in header:
        problems.append(f"{binary} is not built for {arch}")
    # In the needs of a dynamic object: `Name: GLIBC_2.17  Flags: none  Version: 5`.
    versions = set(re.findall(r"Name: GLIBC_(\S+)", readelf("--version-info", binary)))
    newest = max(versions, key=number, default="none")
    print(f"  glibc  {newest} is the newest asked for, {glibc} is the newest allowed")
    too_new = sorted((version for version in versions if number(version) > number(glibc)), key=number)
    if too_new:
        symbols = re.findall(r"(\S+@(?:" + "|".join(f"GLIBC_{re.escape(v)}" for v in too_new) + r"))\b",
                             readelf("--dyn-syms", binary))
        problems.append(f"symbols newer than GLIBC_{glibc}: {', '.join(sorted(set(symbols)) or too_new)}")
    return problems


def in_order(binary: Path) -> list[str]:
    """Whether what runs at the start still lies together: names that no longer exist are passed over by the linker."""
    # `[15] .text.start PROGBITS 00000000003582b0 1572b0 07470b …`: the last is the size.
    found = re.search(r"\.text\.start\s+PROGBITS\s+\S+\s+\S+\s+([0-9a-f]+)", readelf("--section-headers", binary))
    size = int(found[1], 16) if found else 0
    print(f"  start  {size / 1000:.0f} KB run until the extension is idle, and lie together")
    if size < LEAST_IN_ORDER:
        return [f"what layer/order.ld names as run at the start is {size / 1000:.0f} KB: renew it by `make order`"]
    return []


def readelf(what: str, binary: Path) -> str:
    try:
        return subprocess.run(["readelf", "--wide", what, binary], check=True, capture_output=True, text=True,
                              env={"LC_ALL": "C", "PATH": "/usr/local/bin:/usr/bin:/bin"}).stdout
    except FileNotFoundError:
        sys.exit("error: readelf is needed to check the binary; install binutils")


def number(version: str) -> list[int]:
    """A version to compare. What is not a number (`ABI_DT_RELR`, a feature of the loader) came after 2.26."""
    return [int(part) if part.isdigit() else sys.maxsize for part in version.split(".")]


def pack(binary: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # Never a half-written zip under the final name.
    part = target.with_suffix(".part")
    part.write_bytes(archive(binary.read_bytes()))
    with zipfile.ZipFile(part) as packed:
        if packed.testzip():
            sys.exit(f"error: {part} cannot be read back")
    part.replace(target)


def archive(content: bytes) -> bytes:
    """A zip of one file. (`zipfile` takes no compressor but its own, which leaves it 3 % larger, 80 kB of every download.)"""
    from zopfli.zlib import compress  # of the packaging's own environment, like zig

    deflated = compress(content, numiterations=15)[2:-4]  # without what makes it zlib's
    name, mode = MEMBER.encode(), 0o100755  # a regular file that may be executed
    unpacked_by, from_unix, method = 20, 3 << 8 | 20, 8  # 2.0; so that the mode is read; deflate
    # PKWARE's APPNOTE 4.3.7, 4.3.12 and 4.3.16. The time is 1980-01-01, which is where it begins.
    common = struct.pack("<HHHHHIIIHH", unpacked_by, 0, method, 0, 1 << 5 | 1,
                         zlib.crc32(content), len(deflated), len(content), len(name), 0)
    file = b"PK\x03\x04" + common + name + deflated
    entry = b"PK\x01\x02" + struct.pack("<H", from_unix) + common + struct.pack("<HHHII", 0, 0, 0, mode << 16, 0) + name
    return file + entry + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(file), 0)


if __name__ == "__main__":
    sys.exit(main())
