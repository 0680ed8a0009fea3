"""What can be checked of deploy/kubernetes without a cluster: the schemas, the settings, and what pods may do."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import promql_parser
import pytest
import yaml

from service.config import Settings
from service.environment import FILE_SUFFIX, PREFIX
from tests.images.compose_files import known_settings, named_settings
from tests.running_service import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
BASE, EXAMPLE = FOLDER / "base", FOLDER / "overlays" / "example"
OLDEST = "1.30"
"""The first version with `sleep` in a `preStop`."""
PARTS = ("api", "worker")
PROBES = ROOT / "docs" / "containers.md"
WORKER_BYTES = 1 << 30
"""A little more than a worker needs without jobs."""
CUSTOM = ("ScaledObject",)
"""Kinds that Kubernetes doesn't have itself."""
FILLED = {
    "host": "fitserve.example.org",
    "artifacts": "s3://bucket/fitserve",
    "status.podIP": "10.0.0.7",
    "broker-url": "redis://:secret@redis/0",
}

Document = dict[str, Any]


def kustomization(folder: Path) -> Document:
    document: Document = yaml.safe_load((folder / "kustomization.yaml").read_text())
    return document


def resources(folder: Path) -> Iterator[Document]:
    """The manifests that a kustomization names, with those of the folders that it names."""
    for name in kustomization(folder)["resources"]:
        path = folder / name
        if path.is_dir():
            yield from resources(path)
        else:
            yield from yaml.safe_load_all(path.read_text())


DOCUMENTS = {(document["kind"], document["metadata"]["name"]): document for document in resources(EXAMPLE)}
PODS = {part: DOCUMENTS["Deployment", f"fitserve-{part}"]["spec"]["template"] for part in PARTS}
CONTAINERS = {part: PODS[part]["spec"]["containers"][0] for part in PARTS}
ALL_FILES = sorted(FOLDER.rglob("*.yaml"))


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name[0] not in CUSTOM], ids="/".join)
def test_the_manifests_follow_the_schemas(name: tuple[str, str], version: str) -> None:
    kubernetes_validate.validate(DOCUMENTS[name], version, strict=True)


def test_the_check_finds_what_kubernetes_does_not_know() -> None:
    document = yaml.safe_load(yaml.safe_dump(DOCUMENTS["Deployment", "fitserve-api"]))
    document["spec"]["template"]["spec"]["containers"][0]["memory_limit"] = "4Gi"
    with pytest.raises(kubernetes_validate.ValidationError, match="memory_limit"):
        kubernetes_validate.validate(document, OLDEST, strict=True)


@pytest.mark.parametrize("folder", [BASE, EXAMPLE], ids=lambda folder: folder.name)
def test_a_kustomization_names_every_file_once(folder: Path) -> None:
    document = kustomization(folder)
    assert (document["apiVersion"], document["kind"]) == ("kustomize.config.k8s.io/v1beta1", "Kustomization")
    known = {"namespace", "resources", "labels", "images", "configMapGenerator", "secretGenerator", "patches"}
    assert document.keys() - {"apiVersion", "kind"} <= known
    files = {path.name for path in folder.glob("*.yaml")} - {"kustomization.yaml"}
    assert {name for name in document["resources"] if not (folder / name).is_dir()} == files


def test_the_overlay_completes_the_base() -> None:
    overlay, base = kustomization(EXAMPLE), kustomization(BASE)
    assert {image["name"] for image in overlay["images"]} == {CONTAINERS[part]["image"] for part in PARTS}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", image["newTag"]) for image in overlay["images"])
    made = {maker["name"] for maker in overlay["configMapGenerator"] + base["configMapGenerator"]}
    used = {"fitserve-settings"} | {
        variable["valueFrom"]["configMapKeyRef"]["name"]
        for container in CONTAINERS.values()
        for variable in container["env"]
        if "configMapKeyRef" in variable.get("valueFrom", ())
    }
    assert used == made
    for patch in overlay["patches"]:
        target = DOCUMENTS[patch["target"]["kind"], patch["target"]["name"]]
        for change in yaml.safe_load(patch["patch"]):
            assert change["op"] == "replace"
            at(target, change["path"])


def at(document: Any, pointer: str) -> Any:
    """What a JSON pointer leads to."""
    for part in pointer.split("/")[1:]:
        step = part.replace("~1", "/").replace("~0", "~")
        document = document[int(step) if isinstance(document, list) else step]
    return document


def test_there_are_no_secrets_inside() -> None:
    (secrets,) = kustomization(EXAMPLE)["secretGenerator"]
    assert [name for name in secrets["files"] if not name.startswith("secrets/")] == []
    assert "secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert [name for name in DOCUMENTS if name[0] == "Secret"] == []
    for part in PARTS:
        volumes = {volume["name"]: volume for volume in PODS[part]["spec"]["volumes"]}
        assert volumes["secrets"]["secret"] == {"secretName": secrets["name"], "defaultMode": 0o440}
        (mount,) = (mount for mount in CONTAINERS[part]["volumeMounts"] if mount["name"] == "secrets")
        (broker,) = (variable for variable in CONTAINERS[part]["env"] if variable["name"] == "FITSERVE_BROKER_URL")
        assert broker["valueFrom"]["secretKeyRef"] == {"name": secrets["name"], "key": "broker-url", "optional": True}
        paths = {variable["value"] for variable in CONTAINERS[part]["env"] if "/secrets/" in variable.get("value", "")}
        assert paths == {f"{mount['mountPath']}/{Path(name).name}" for name in secrets["files"]}


def test_every_variable_is_a_setting() -> None:
    # what Kubernetes would set, which comments name
    named = named_settings("\n".join(path.read_text() for path in ALL_FILES)) - {"FITSERVE_API_PORT"}
    assert named
    assert named - known_settings() == set()


@pytest.mark.parametrize("part", PARTS)
def test_the_settings_of_the_pods_are_valid(part: str, tmp_path: Path) -> None:
    variables: dict[str, str] = {}
    for folder in (BASE, EXAMPLE):
        for maker in kustomization(folder)["configMapGenerator"]:
            if maker["name"] == "fitserve-settings":
                variables |= dict(literal.split("=", 1) for literal in maker["literals"])
    for variable in CONTAINERS[part]["env"]:
        value = variable.get("value")
        if value is None:
            (source,) = variable["valueFrom"].values()
            value = FILLED[source.get("key") or source["fieldPath"]]
        variables[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda match: variables[match[1]], value)
    file = tmp_path / "database-url"
    file.write_text("postgresql+psycopg://fitserve:secret@postgresql/fitserve\n")
    variables[f"FITSERVE_DATABASE_URL{FILE_SUFFIX}"] = str(file)
    settings = Settings.from_environment({name: value for name, value in variables.items() if name.startswith(PREFIX)})
    assert not settings.uses_sqlite
    assert not settings.has_local_artifacts
    if part == "api":
        assert {"fitserve.example.org", "fitserve-api", "10.0.0.7", "localhost"} <= set(settings.hosts)
        assert settings.proxy_networks
    assert_the_disk_suffices(part, settings)
    if part == "worker":
        needed = WORKER_BYTES + 2 * settings.job_memory_bytes
        assert to_bytes(CONTAINERS[part]["resources"]["limits"]["memory"]) >= needed


def assert_the_disk_suffices(part: str, settings: Settings) -> None:
    # An api receives a form as one file, and takes the client's file out of it.
    uploads = 2 * 2 * settings.max_upload_bytes
    results = settings.max_upload_bytes + settings.max_dataset_bytes + settings.compiled_code_bytes
    sizes = {
        volume["name"]: to_bytes(volume["emptyDir"]["sizeLimit"])
        for volume in PODS[part]["spec"]["volumes"]
        if "emptyDir" in volume and volume["emptyDir"].get("medium") != "Memory"
    }
    assert sizes["data"] >= settings.artifact_cache_bytes + {"api": uploads, "worker": results}[part]
    assert to_bytes(CONTAINERS[part]["resources"]["limits"]["ephemeral-storage"]) >= sum(sizes.values())


def to_bytes(quantity: str) -> int:
    """The bytes of a quantity such as 12Gi."""
    return int(quantity.removesuffix("Gi")) << 30


@pytest.mark.parametrize("part", PARTS)
def test_pods_may_do_only_what_they_need(part: str) -> None:
    pod, container = PODS[part]["spec"], CONTAINERS[part]
    assert pod["enableServiceLinks"] is False, "FITSERVE_API_PORT and others would be unknown settings"
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == 1000
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {"/data", "/tmp"} <= mounted
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_probes_ask_what_the_pages_say() -> None:
    rows = re.findall(r"^\| (startup|readiness|liveness) \| (.+) \| (.+) \|$", PROBES.read_text(), re.MULTILINE)
    assert [probe for probe, *_ in rows] == ["startup", "readiness", "liveness"]
    for probe, *cells in rows:
        for part, cell in zip(PARTS, cells, strict=True):
            asked = CONTAINERS[part].get(f"{probe}Probe")
            assert describe_probe(asked) == cell.replace("`", ""), f"{probe} of the {part}"
    api = CONTAINERS["api"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert api[probe]["httpGet"]["port"] == api["ports"][0]["name"]
        assert api[probe]["httpGet"]["httpHeaders"] == [{"name": "Host", "value": "localhost"}]


def describe_probe(probe: Document | None) -> str:
    if probe is None:
        return "none"
    return f"GET {probe['httpGet']['path']}" if "httpGet" in probe else " ".join(probe["exec"]["command"])


def test_no_pod_that_runs_is_taken_away_because_the_database_or_the_bucket_is() -> None:
    # /readyz and `fitserve health worker` fail without them.
    probes = ("readinessProbe", "livenessProbe")
    assert {CONTAINERS["api"][probe]["httpGet"]["path"] for probe in probes} == {"/healthz"}
    assert CONTAINERS["worker"].keys().isdisjoint(probes)


def test_pods_have_the_time_to_end() -> None:
    api = CONTAINERS["api"]
    pause = api["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert PODS["api"]["spec"]["terminationGracePeriodSeconds"] >= pause + 15
    assert PODS["worker"]["spec"]["terminationGracePeriodSeconds"] >= 15


def test_selectors_choose_the_pods() -> None:
    labels = {part: PODS[part]["metadata"]["labels"].items() for part in PARTS}
    for part in PARTS:
        deployment = DOCUMENTS["Deployment", f"fitserve-{part}"]["spec"]
        budget = DOCUMENTS["PodDisruptionBudget", f"fitserve-{part}"]["spec"]
        for selector in (deployment["selector"], budget["selector"]):
            assert selector["matchLabels"].items() == labels[part]
    service = DOCUMENTS["Service", "fitserve-api"]["spec"]
    assert service["selector"].items() == labels["api"]
    assert service["ports"][0]["targetPort"] == CONTAINERS["api"]["ports"][0]["name"]
    everything = DOCUMENTS["NetworkPolicy", "fitserve"]["spec"]
    assert all(everything["podSelector"]["matchLabels"].items() <= labels[part] for part in PARTS)
    assert set(everything["policyTypes"]) == {"Ingress", "Egress"}
    assert "ingress" not in everything, "nothing may reach a pod unless another policy allows it"
    assert DOCUMENTS["NetworkPolicy", "fitserve-api"]["spec"]["podSelector"]["matchLabels"].items() == labels["api"]
    (rule,) = DOCUMENTS["Ingress", "fitserve"]["spec"]["rules"]
    assert rule["http"]["paths"][0]["backend"]["service"]["name"] == "fitserve-api"


def test_workers_are_scaled_by_the_jobs_that_wait_and_run() -> None:
    scaled = DOCUMENTS["ScaledObject", "fitserve-worker"]
    assert scaled["apiVersion"] == "keda.sh/v1alpha1"
    spec = scaled["spec"]
    # The fields of KEDA's definition of the resource that are used here.
    assert spec.keys() == {
        "scaleTargetRef", "minReplicaCount", "maxReplicaCount", "pollingInterval", "fallback", "advanced", "triggers",
    }  # fmt: skip
    assert spec["scaleTargetRef"] == {"name": "fitserve-worker"}
    assert "replicas" not in DOCUMENTS["Deployment", "fitserve-worker"]["spec"], "two would decide"
    assert 1 <= spec["minReplicaCount"] < spec["maxReplicaCount"]
    assert spec["fallback"].keys() == {"failureThreshold", "replicas"}
    assert spec["advanced"].keys() == {"horizontalPodAutoscalerConfig"}
    # What KEDA makes of it.
    scaler = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": scaled["metadata"],
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", **spec["scaleTargetRef"]},
            "maxReplicas": spec["maxReplicaCount"],
            **spec["advanced"]["horizontalPodAutoscalerConfig"],
        },
    }
    kubernetes_validate.validate(scaler, OLDEST, strict=True)
    (trigger,) = spec["triggers"]
    assert trigger["type"] == "prometheus"
    metadata = trigger["metadata"]
    assert metadata.keys() == {"serverAddress", "query", "threshold", "ignoreNullValues"}
    assert all(isinstance(value, str) for value in metadata.values()), "KEDA accepts texts only"
    slots = {variable["name"]: variable.get("value") for variable in CONTAINERS["worker"]["env"]}
    assert metadata["threshold"] == slots["FITSERVE_WORKER_SLOTS"]
    promql_parser.parse(metadata["query"])
    documented = set(re.findall(r"^\| `(fitserve_\w+)` \|", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE))
    assert set(re.findall(r"fitserve_\w+", metadata["query"])) <= documented
