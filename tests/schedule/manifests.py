"""Reads YAML from stdin and prints its documents as JSON. Each is held against the schema of the versions of
Kubernetes that are named."""

import json
import sys

import kubernetes_validate
import yaml

documents = list(yaml.safe_load_all(sys.stdin))
for version in sys.argv[1:]:
    for document in documents:
        kubernetes_validate.validate(document, version, strict=True)
json.dump(documents, sys.stdout)
