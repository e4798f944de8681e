"""Checks every document of a YAML file against its schema, strictly: fields that do not exist are errors."""

import sys

import jsonschema
import kubernetes_validate
import yaml


def closed(properties, **more):
    return {"type": "object", "properties": properties, "additionalProperties": False, **more}


REPLICAS = closed(
    {
        "replicas": {"type": "integer", "minimum": 0},
        "restartPolicy": {"enum": ["OnFailure", "Never"]},
        "template": closed({"metadata": {"type": "object"}, "spec": {"type": "object"}}, required=["spec"]),
    },
    required=["template"])

# Source: the API types of kubeflow/mpi-operator, v2beta1. Its pods' templates are those of Kubernetes, and are checked as such.
MPI_JOB = closed(
    {
        "apiVersion": {"const": "kubeflow.org/v2beta1"},
        "kind": {"const": "MPIJob"},
        "metadata": closed({name: {} for name in ("name", "namespace", "labels", "annotations")}, required=["name"]),
        "spec": closed(
            {
                "slotsPerWorker": {"type": "integer", "minimum": 1},
                "runLauncherAsWorker": {"type": "boolean"},
                "launcherCreationPolicy": {"enum": ["AtStartup", "WaitForWorkersReady"]},
                "sshAuthMountPath": {"type": "string"},
                "mpiImplementation": {"enum": ["OpenMPI", "Intel", "MPICH"]},
                "runPolicy": closed({
                    "cleanPodPolicy": {"enum": ["None", "Running", "All"]},
                    "ttlSecondsAfterFinished": {"type": "integer"},
                    "activeDeadlineSeconds": {"type": "integer"},
                    "backoffLimit": {"type": "integer"},
                    "schedulingPolicy": {"type": "object"},
                    "suspend": {"type": "boolean"},
                    "managedBy": {"type": "string"},
                }),
                "mpiReplicaSpecs": closed({"Launcher": REPLICAS, "Worker": REPLICAS}, required=["Launcher"]),
            },
            required=["mpiReplicaSpecs"]),
    },
    required=["apiVersion", "kind", "metadata", "spec"])


def documents(file):
    """What there is to check: each document, and for an MPIJob its pods."""
    for document in yaml.safe_load_all(file):
        if document.get("kind") != "MPIJob":
            yield document
            continue
        jsonschema.validate(document, MPI_JOB)
        for name, replicas in document["spec"]["mpiReplicaSpecs"].items():
            template = replicas["template"]
            metadata = {"name": name.lower(), **template.get("metadata", {})}
            yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def main():
    count = 0
    with open(sys.argv[1], encoding="utf-8") as file:
        try:
            for document in documents(file):
                kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
                count += 1
        except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
            sys.exit(f"{sys.argv[1]}: error: {'/'.join(map(str, error.path))}: {error.message}")
    print(f"{sys.argv[1]}: {count} documents and pods are as their schemas say")


main()
