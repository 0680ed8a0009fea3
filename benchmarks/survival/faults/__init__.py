"""The faults of the suite, by name."""

from benchmarks.survival.faults.answers import answers
from benchmarks.survival.faults.broker import lost, repeated
from benchmarks.survival.faults.clock import clock
from benchmarks.survival.faults.damage import damage
from benchmarks.survival.faults.disks import full, inodes, unwritable
from benchmarks.survival.faults.failover import failover, restarted
from benchmarks.survival.faults.freezing import stopped
from benchmarks.survival.faults.killing import aimed, host_kills, kills
from benchmarks.survival.faults.partition import partition
from benchmarks.survival.faults.s3 import failing, silent, stale
from benchmarks.survival.scenario import Fault

FAULTS: dict[str, Fault] = {
    "kills": kills,
    "host_kills": host_kills,
    "aimed": aimed,
    "stopped": stopped,
    "full": full,
    "inodes": inodes,
    "read_only": unwritable,
    "damage": damage,
    "answers": answers,
    "clock": clock,
    "failover": failover,
    "restarted": restarted,
    "s3_failing": failing,
    "s3_silent": silent,
    "s3_stale": stale,
    "broker_lost": lost,
    "hints_repeated": repeated,
    "partition": partition,
}
