"""A sweep through a real Slurm: one node, on the loopback, with Debian's slurm-wlm and munge."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

from awcu.commands.train import run
from awcu.runs.record import RunRecord

pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="awcu[launchers] is not installed")
pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(shutil.which("slurmctld") is None, reason="needs Debian's slurm-wlm and munge"),
    pytest.mark.timeout(1200),
]

CONF = """
ClusterName=loopback
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=5  # a requeued job waits for as long
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_until(true, seconds, what):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what} after {seconds} s"
        time.sleep(0.5)


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    """A cluster of this machine; the environment in which its commands find it."""
    folder = tmp_path_factory.mktemp("slurm")
    host = socket.gethostname().split(".")[0]
    for name in ("state", "spool"):
        (folder / name).mkdir()
    (folder / "munge.key").write_bytes(os.urandom(1024))
    (folder / "munge.key").chmod(0o600)
    conf = folder / "slurm.conf"
    conf.write_text(CONF.format(host=host, folder=folder, controller=free_port(), daemon=free_port()))
    environment = os.environ | {"SLURM_CONF": str(conf), "OMP_NUM_THREADS": "1"}
    munge = {"socket": "munge.socket", "key-file": "munge.key", "pid-file": "munge.pid", "log-file": "munge.log",
             "seed-file": "munge.seed"}  # fmt: skip
    # By force, since all may write to a folder above its own: the system's temporary one.
    commands = [
        ["munged", "--foreground", "--force", *(f"--{name}={folder / file}" for name, file in munge.items())],
        ["slurmctld", "-D", "-f", str(conf)],
        ["slurmd", "-D", "-f", str(conf), "-N", host],
    ]
    started = []
    try:
        for command in commands:
            with (folder / f"{command[0]}.out").open("w") as out:
                started.append(subprocess.Popen(command, env=environment, stdout=out, stderr=out))
            time.sleep(1)
        idle = ["sinfo", "--noheader", "--format=%t"]
        wait_until(
            lambda: subprocess.run(idle, env=environment, capture_output=True, text=True).stdout.strip() == "idle",
            60,
            "no idle node",
        )
        yield environment
        # Or the jobs of a test that failed would outlive the cluster.
        subprocess.run(["scancel", "--full", "--state=RUNNING"], env=environment, check=True)
    finally:
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def jobs(environment):
    listed = ["squeue", "--noheader", "--array", "--states=RUNNING", "--format=%i"]
    return subprocess.run(listed, env=environment, capture_output=True, text=True, check=True).stdout.split()


def test_a_sweep_whose_job_is_preempted_ends_with_the_numbers_of_one_that_is_not(
    slurm, small, configured, tmp_path, one_thread
):
    training = ["trainer.max_epochs=60", "network.drop_rate=0.5", "name=cluster"]
    command = [sys.executable, "-m", "awcu", "train", "-m", *small, *training, "weighting=step,uniform"]
    # Their number names the folders of the jobs.
    command += ["hydra.sweep.subdir=${hydra.job.num}"]
    command += ["hydra/launcher=submitit_slurm", "hydra.launcher.mem_gb=null", "hydra.launcher.cpus_per_task=1"]
    with (tmp_path / "sweep.out").open("w") as out:
        sweep = subprocess.Popen(command, cwd=tmp_path, env=slurm, stdout=out, stderr=out)
    folder = tmp_path / "runs" / "cluster"
    try:
        wait_until((folder / "0" / "checkpoints" / "last.ckpt").exists, 400, "no checkpoint")
        job = next(job for job in jobs(slurm) if job.endswith("_0"))
        subprocess.run(["scancel", "--signal=USR2", job], env=slurm, check=True)
        sweep.wait(400)
    finally:
        sweep.kill()
        sweep.wait()
    assert sweep.returncode == 0, (tmp_path / "sweep.out").read_text()
    log = "".join(path.read_text() for path in sorted(folder.rglob("*_0_log.out")))
    assert "SIGUSR2: checkpoint written to" in log
    assert re.search(r"going on after step \d+ \(", log)
    for home, weighting in ((folder / "0", "step"), (folder / "1", "uniform")):
        unbroken = run(configured(*training, f"weighting={weighting}"), tmp_path / weighting)
        assert RunRecord.load(home / "record.json").metrics == unbroken.metrics
        assert (home / "predictions.csv").read_text() == (tmp_path / weighting / "predictions.csv").read_text()
