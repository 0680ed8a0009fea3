"""What a training keeps of the versions that it takes weights from, besides the weights: they only fit together."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from models.datasets import Dataset
from models.graph import resolve
from models.preprocessing import Preprocessing
from models.preprocessing.imported import takes_columns
from models.preprocessing.unfamiliar import Finding, find_other_units, find_out_of_range, find_unknown_categories
from models.preprocessing.unfamiliar_texts import find_lost_tokens, find_unused_texts
from models.pretrained import taken_inputs
from models.spec import NetworkSpec, TargetScaling
from models.target_fitting import fit_scale
from models.target_scale import TargetScale
from models.targets import TargetEncoding, find_unknown_classes
from models.version_files import ARTIFACTS, read_document

NEW_CLASSES = "new_classes"
MOST_NAMED = 20


@dataclass(frozen=True)
class Kept:
    """The kept preprocessing, by the names of the network's inputs (the others are fitted), and the kept encoding of
    the target, if there is one."""

    preprocessing: Preprocessing = field(default_factory=lambda: Preprocessing({}))
    encoding: TargetEncoding | None = None

    @classmethod
    def of_version(cls, folder: Path, spec: NetworkSpec) -> Self:
        """What the network of `spec` keeps of the version from whose weights it starts. Raises DamagedNetwork,
        IncompleteVersion."""
        document = read_document(folder / ARTIFACTS["preprocessing"])
        preprocessing = Preprocessing.from_document(document["inputs"]).named(spec)
        return cls(preprocessing, TargetEncoding.from_document(document["target"]))

    @classmethod
    def of_layers(cls, spec: NetworkSpec) -> Self:
        """What a network keeps of the versions of its Pretrained layers, which scale the inputs that they take."""
        return cls(Preprocessing.from_document({name: input_ for _, name, input_ in taken_inputs(resolve(spec), spec)}))

    def __bool__(self) -> bool:
        return bool(self.preprocessing.inputs)

    def preprocess(self, spec: NetworkSpec, dataset: Dataset) -> Preprocessing:
        """The preprocessing of the network for a dataset that check_fit and check_kept have accepted."""
        kept = self._learned_of(dataset)
        rest = {name: input_ for name, input_ in spec.inputs.items() if name not in kept.inputs}
        fitted = Preprocessing.fit(replace(spec, inputs=rest), dataset).inputs if rest else {}
        return Preprocessing(fitted | kept.continued(spec, dataset).inputs).ordered(spec)

    def _learned_of(self, dataset: Dataset) -> Preprocessing:
        """What is kept for a dataset. Plain numbers that become the columns of a table have learned nothing."""
        is_table = dataset.descriptor.is_table
        return Preprocessing({}) if is_table and takes_columns(self.preprocessing) else self.preprocessing

    def scaled(self, spec: NetworkSpec) -> NetworkSpec:
        """The spec with the target scaling that is kept, if there is one."""
        if self.encoding is None:
            return spec
        scale = self.encoding.scale
        return replace(spec, target_scaling=TargetScaling.NONE if scale is None else scale.scaling)

    def scale(self, spec: NetworkSpec, dataset: Dataset) -> TargetScale | None:
        """The scale of the target: the kept one, or one fitted to the dataset. Raises InvalidData."""
        return fit_scale(spec, dataset) if self.encoding is None else self.encoding.scale

    def encode(
        self, spec: NetworkSpec, dataset: Dataset, outputs: int, scale: TargetScale | None = None
    ) -> TargetEncoding:
        """The encoding of the dataset's target for a network with this number of outputs. `scale` is that of
        `self.scale`."""
        if self.encoding is None:
            return TargetEncoding.for_network(spec, dataset.descriptor, outputs, scale)
        return self.encoding.continued(spec, dataset.descriptor, outputs)

    def find_unfamiliar(self, spec: NetworkSpec, dataset: Dataset) -> Iterator[Finding]:
        """What the training rows have that the network can't represent, or that what is kept doesn't know."""
        training, kept = dataset.split("train"), self._learned_of(dataset)
        yield from find_unused_texts(spec, dataset.descriptor)
        yield from find_lost_tokens(spec, kept, training)
        yield from find_unknown_categories(kept.complete(spec), training)
        yield from find_out_of_range(kept, spec, training)
        yield from find_other_units(kept, dataset.descriptor)
        if self.encoding is not None and self.encoding.classes is not None:
            yield from _find_new_classes(self.encoding.classes, dataset.descriptor.target.labels)


def _find_new_classes(known: list[Any], classes: list[Any]) -> Iterator[Finding]:
    new = find_unknown_classes(known, classes)
    if new:
        more = f" and {len(new) - MOST_NAMED} more" if len(new) > MOST_NAMED else ""
        detail = (
            f"The version doesn't know these classes of the dataset: {', '.join(map(str, new[:MOST_NAMED]))}{more}."
        )
        yield NEW_CLASSES, f"{detail} They get the outputs of the classes that the dataset doesn't have."
