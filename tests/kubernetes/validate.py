"""Validates Kubernetes objects with the published schemas, in which unknown members are errors.

    validate.py WHEEL VERSION <OBJECTS

WHEEL: the package kubernetes-validate. VERSION: such as 1.31. OBJECTS: JSON, one a line. Prints a line for each fault,
and exits with 1 if there is one.
"""
import json
import sys
import zipfile

import jsonschema


def schema_of(wheel, version, thing):
    group = thing["apiVersion"].split("/")
    name = "-".join([thing["kind"].lower(), *([group[0].split(".")[0]] if len(group) == 2 else []), group[-1]])
    folder = f"kubernetes_validate/kubernetes-json-schema/v{version}.0-local-strict"
    texts = [wheel.read(f"{folder}/{file}.json").decode() for file in (name, "_definitions")]
    schema, definitions = (json.loads(text.replace("/api/_definitions.json#", "#")) for text in texts)
    return {**schema, "$defs": definitions["$defs"]}


faults = 0
with zipfile.ZipFile(sys.argv[1]) as wheel:
    for line in sys.stdin:
        thing = json.loads(line)
        for error in jsonschema.Draft202012Validator(schema_of(wheel, sys.argv[2], thing)).iter_errors(thing):
            print(f"{thing['kind']} {'.'.join(str(part) for part in error.path)}: {error.message}")
            faults += 1
sys.exit(faults > 0)
