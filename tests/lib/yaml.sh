# yaml: for suites that look into YAML.
# shellcheck shell=bash

# yaml_to_json FILE ...: their documents as JSON, one a line. Debian's Python has PyYAML (python3-yaml). 1 if one is not
# YAML, or has a key twice.
yaml_to_json() {
    /usr/bin/python3 - "$@" <<'END'
import json, sys, yaml

class Loader(yaml.SafeLoader):
    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key) for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"{key} is there twice", node.start_mark)
        return super().construct_mapping(node, deep)

for path in sys.argv[1:]:
    with open(path) as file:
        for document in yaml.load_all(file, Loader):
            print(json.dumps(document))
END
}
