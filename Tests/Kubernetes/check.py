"""Checks every document of a YAML file against its schema, strictly: fields that do not exist are errors. Then breaks the file in some ways, each of which must be
found.
"""

import copy
import sys

import jsonschema
import kubernetes_validate
import yaml


def closed(properties, **more):
    return {"type": "object", "properties": properties, "additionalProperties": False, **more}


METADATA = closed({name: {} for name in ("name", "namespace", "labels", "annotations", "finalizers")})

REPLICAS = closed(
    {
        "replicas": {"type": "integer", "minimum": 0},
        "restartPolicy": {"enum": ["OnFailure", "Never"]},
        "template": closed({"metadata": METADATA, "spec": {"type": "object"}}, required=["spec"]),
    },
    required=["template"])

# Source: the API types of kubeflow/mpi-operator, v2beta1, and its CustomResourceDefinition. Its pods' templates are those of Kubernetes, and are checked as such.
MPI_JOB = closed(
    {
        "apiVersion": {"const": "kubeflow.org/v2beta1"},
        "kind": {"const": "MPIJob"},
        "metadata": {**METADATA, "required": ["name"]},
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


def parts(documents):
    """What there is to check: each document, and for an MPIJob its pods."""
    for document in documents:
        if document.get("kind") != "MPIJob":
            yield document
            continue
        jsonschema.validate(document, MPI_JOB)
        for name, replicas in document["spec"]["mpiReplicaSpecs"].items():
            template = replicas["template"]
            metadata = {"name": name.lower(), **template.get("metadata", {})}
            yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def problem(documents):
    """The first thing that is not as a schema says, None where all is."""
    try:
        for part in parts(documents):
            kubernetes_validate.validate(part, kubernetes_validate.latest_version(), strict=True)
    except (jsonschema.ValidationError, kubernetes_validate.ValidationError) as error:
        return f"{'/'.join(map(str, error.path))}: {error.message}"
    return None


# Where, and what to put there; None takes away what is there.
BREAKAGES = [
    ("spec/slotsPerWorker", "four"),
    ("spec/slotsPerWorkers", 4),
    ("spec/mpiImplementation", "LAM"),
    ("spec/mpiReplicaSpecs/Workers", {"replicas": 2}),
    ("spec/mpiReplicaSpecs/Worker/restartPolicy", "Always"),
    ("spec/mpiReplicaSpecs/Worker/template/spec/containers", None),
    ("spec/mpiReplicaSpecs/Worker/template/spec/containers/0/imagePolicy", "Always"),
    ("spec/mpiReplicaSpecs/Worker/template/spec/containers/0/volumeMounts/0/mountPath", None),
    ("spec/mpiReplicaSpecs/Worker/template/spec/volumes/1/emptyDir/sizeLimit", True),
    ("spec/mpiReplicaSpecs/Launcher/template/spec/terminationGracePeriodSeconds", "a minute"),
    ("spec/mpiReplicaSpecs/Launcher/template/metadata", {"labels": {"app": "a"}, "label": "a"}),
]


def broken(documents, path, value):
    documents = copy.deepcopy(documents)
    here = next(document for document in documents if document["kind"] == "MPIJob")
    *way, last = path.split("/")
    for name in way:
        here = here[int(name)] if isinstance(here, list) else here[name]
    if value is None:
        del here[last]
    else:
        here[last] = value
    return documents


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        documents = list(yaml.safe_load_all(file))
    found = problem(documents)
    if found:
        sys.exit(f"{sys.argv[1]}: error: {found}")
    print(f"{sys.argv[1]}: {len(list(parts(documents)))} documents and pods are as their schemas say")
    if not any(document["kind"] == "MPIJob" for document in documents):
        return
    missed = [path for path, value in BREAKAGES if not problem(broken(documents, path, value))]
    if missed:
        sys.exit(f"error: expected an error where these are wrong, found none: {', '.join(missed)}")
    print(f"{len(BREAKAGES)} errors that were made in it on purpose are found")


main()
