"""Runs the Autobahn cases against one of our two ends: `python run.py server PROGRAM`.

kosoku brings the cases and plays the other end. PROGRAM is what `examples/autobahn` builds. The
last line is `N passed, N failed in S s`; before it stands one line for each group of cases, and
one for each case that failed, whose full report is put into the folder OUTDIR.
"""

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

import compression
import tool
from kosoku import FailureError, run_fuzzingclient, run_fuzzingserver
from kosoku._report import write_reports
from under_test import EndedEarly, Process
from verdicts import Exceptions, Outcome, Tally, phrase

PROBLEMS_SHOWN = 40


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("role", choices=["server", "client"], help="which end of ours is tested")
    parser.add_argument("program", help="the binary of examples/autobahn")
    parser.add_argument("--takeover", action="store_true", help="compress with one window for all")
    parser.add_argument("--case", action="append", metavar="GLOB", help="only these, as 9.*")
    parser.add_argument("--messages", type=int, default=1000, help="a case of 12 and 13 echoes")
    parser.add_argument("--parallel", type=int, default=2, help="cases at a time")
    parser.add_argument("--seconds", type=int, default=600, help="the longest that all may take")
    parser.add_argument("--outdir", default="target/autobahn", help="reports of failed cases")
    parser.add_argument("--record", metavar="FILE", help="where to put the counts")
    return parser.parse_args()


async def test_server(args, problems):
    """The tool is the client."""
    async with Process(args.program, "server", *mode(args)) as server:
        url = f"ws://{await server.address()}"
        results = await results_of(
            run_fuzzingclient(url, args.case, concurrency=args.parallel)
        )
        if not server.is_running():
            problems.append("our server ended by itself")
        elif (code := await server.stopped()) != 0:
            problems.append(f"our server ended with {code}")
        problems.extend(server.complaints())
        return results


async def test_client(args, problems):
    """The tool is the server. Our client asks how many cases there are, and runs them."""
    async with run_fuzzingserver(args.case, host="127.0.0.1", port=0) as cases:
        address = f"{cases.address}:{cases.port}"
        options = ["--parallel", str(args.parallel), *mode(args)]
        async with Process(args.program, "client", address, *options) as client:
            results = asyncio.ensure_future(results_of(cases.get_result()))
            code = await client.ended()
            problems.extend(client.complaints())
            if code != 0:
                problems.append(f"our client ended with {code}: {client.lines[-3:]}")
            # Its last request has made the results ready.
            await asyncio.wait([results], timeout=1 if code else 20)
            if results.done():
                return await results
            problems.append("our client has not asked for the report")
            results.cancel()
            return []


async def results_of(run):
    """All of them, also if there were failures among them, which we judge ourselves."""
    try:
        return await run
    except FailureError as failure:
        return failure.results


def mode(args):
    return ["--takeover"] if args.takeover else []


def name_of(args):
    return f"{args.role}, context takeover" if args.takeover else args.role


def tally(args, chosen, results):
    count = Tally(args.role, chosen, Exceptions.committed())
    failed = [it for it in results if count.add(outcome(args, it)) == "failed"]
    count.finish()
    if failed:
        outdir = f"{args.outdir}/{name_of(args).replace(', ', '-').replace(' ', '-')}"
        write_reports(failed, outdir)
        print(f"reports of {len(failed)} failed cases are in {outdir}")
    return count


def outcome(args, result):
    behavior, why = result.behavior.value, f"{result.result} {result.result_close}"
    if behavior == "OK" and (objection := compression.objection(result, args.takeover)):
        behavior, why = "NOT COMPRESSED AS AGREED", objection
    return Outcome(
        case=result.case_id,
        behavior=behavior,
        behavior_close=result.behavior_close.value,
        remote_close_code=result.remote_close_code,
        seconds=result.duration / 1000,
        why=why,
    )


def keep(args, count):
    """What `table.py` makes the table of."""
    groups = [{"group": number, "kinds": kinds} for number, kinds, _seconds in count.groups()]
    summary = {"name": name_of(args), "groups": groups}
    Path(args.record).parent.mkdir(parents=True, exist_ok=True)
    Path(args.record).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


async def main():
    args = parse()
    tool.prepare(args.messages)
    chosen = tool.choose(args.case)
    started = time.monotonic()
    results, problems = [], []
    run = test_server if args.role == "server" else test_client
    try:
        async with asyncio.timeout(args.seconds):
            results = await run(args, problems)
    except EndedEarly as error:
        problems.append(str(error))
    except TimeoutError:
        problems.append(f"out of time: one step, or all of it after {args.seconds} s")
    count = tally(args, chosen, results)
    took = time.monotonic() - started
    for number, kinds, seconds in count.groups():
        print(f"{name_of(args)}: group {number:>2}: {phrase(kinds)}, {seconds:.1f} s")
    problems = [*count.problems, *problems]
    for problem in problems[:PROBLEMS_SHOWN]:
        print(f"FAILED {name_of(args)}: {problem}")
    if PROBLEMS_SHOWN < len(problems):
        print(f"... and {len(problems) - PROBLEMS_SHOWN} more")
    if args.record:
        keep(args, count)
    print(f"{count.passed} passed, {len(problems)} failed in {took:.2f} s")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
