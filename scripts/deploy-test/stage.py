"""Writes what `sam build` writes, from binaries that are built already: a folder a function, and the template that names it.

    stage.py BINARIES BUILD        BINARIES holds the functions' binaries; BUILD is the folder to write
"""

import pathlib
import shutil
import subprocess
import sys

from samcli.yamlhelper import yaml_dump, yaml_parse

ROOT = pathlib.Path(__file__).resolve().parents[2]


def main():
    binaries, build = map(pathlib.Path, sys.argv[1:3])
    shutil.rmtree(build, ignore_errors=True)
    build.mkdir(parents=True)
    shutil.copytree(ROOT / "infra", build / "infra")
    template = yaml_parse((ROOT / "template.yaml").read_text())
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            (build / name).mkdir()
            binary = binaries / resource["Metadata"]["BuildProperties"]["Binary"]
            subprocess.run(["strip", "-o", build / name / "bootstrap", binary], check=True)
            resource["Properties"]["CodeUri"] = name
    (build / "template.yaml").write_text(yaml_dump(template))


if __name__ == "__main__":
    main()
