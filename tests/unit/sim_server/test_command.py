"""`tidebook sim`, as processes."""

import os
import signal
import subprocess
import sys
import urllib.request

import pytest

COMMAND = [sys.executable, "-m", "tidebook", "sim"]
LATEST = 30.0


def run(*program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *program], capture_output=True, text=True, timeout=LATEST, check=False)


@pytest.mark.parametrize("status", [0, 7])
def test_the_programs_status_is_passed_through(status: int) -> None:
    done = run(
        "--seed", "3", "--", sys.executable, "-c", f"import os; print(os.environ['TIDEBOOK_AT']); exit({status})"
    )
    assert (done.returncode, done.stderr) == (status, "")
    assert done.stdout.startswith("127.0.0.1:")


def test_a_program_is_served() -> None:
    text = (
        "import os, urllib.request as u; "
        "print(u.urlopen('http://' + os.environ['TIDEBOOK_AT'] + '/api/v3/ping').read())"
    )
    done = run("--venue", "binance.spot", "--", sys.executable, "-c", text)  # of all that speak, two have this path
    assert done.stdout == "b'{}'\n"


def test_a_program_that_is_not_there() -> None:
    done = run("--", "no-such-program-at-all")
    assert done.returncode == 127
    assert "no-such-program-at-all" in done.stderr


def test_a_program_ended_by_a_signal() -> None:
    done = run("--", sys.executable, "-c", "import os; os.kill(os.getpid(), 9)")
    assert done.returncode == 137


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_passed_on(number: signal.Signals) -> None:
    text = (
        "import signal, sys, time\n"
        "def told(number, frame): print(number); sys.exit(5)\n"
        f"signal.signal({int(number)}, told); print('ready', flush=True); time.sleep({LATEST})"
    )
    with subprocess.Popen(
        [*COMMAND, "--", sys.executable, "-c", text], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        assert process.stdout.readline() == f"{int(number)}\n"
        assert process.wait(LATEST) == 5


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_serves_until_a_signal(number: signal.Signals, status: int) -> None:
    with subprocess.Popen([*COMMAND, "--port", "0", "--venue", "htx"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("tidebook sim: htx.spot htx.linear htx.inverse at 127.0.0.1:")
        at = line.partition("TIDEBOOK_AT=")[2].partition(";")[0]
        with urllib.request.urlopen(f"http://{at}/v1/common/timestamp") as reply:
            assert reply.status == 200
        process.send_signal(number)
        assert process.wait(LATEST) == status


@pytest.mark.parametrize("arguments", [["--port", "x"], ["--port", "70000"], ["--speed", "0"], ["--venue", "nowhere"]])
def test_usage(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr


def test_a_port_that_is_taken() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert os.strerror(98).lower() in done.stderr.lower()


def test_a_date_is_served() -> None:
    text = (
        "import os, urllib.request as u\n"
        "try: print(u.urlopen('http://' + os.environ['TIDEBOOK_AT'] + '/api/v1/ping').status)\n"
        "except OSError as error: print(error)"
    )
    served = [run("--date", date, "--", sys.executable, "-c", text).stdout for date in ("2026-03-24", "2026-03-25")]
    assert served == ["200\n", "HTTP Error 410: Gone\n"]


@pytest.mark.parametrize("date", ["yesterday", "2026-02-30", "26-02-19"])
def test_a_date_that_is_none(date: str) -> None:
    done = run("--date", date)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"tidebook: UsageError: '{date}' is no date. Write it as 2026-02-19\n"
