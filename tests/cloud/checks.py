#!/usr/bin/env python3
"""What the extension asks of AWS, as AWS sees it: `moto_server` keeps the secrets and takes the objects.

    checks.py --moto FILE [--only WORDS]       (see `run`)
"""

import argparse
import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "interop")]

import samples  # noqa: E402
from processes import Extension, Program, Sink, free_port, post, until  # noqa: E402
from support import checks, otlp  # noqa: E402
from support.checks import check, equal, true  # noqa: E402

PROTOBUF = {"Content-Type": "application/x-protobuf"}
TRACES = samples.ALL["/v1/traces"]


@dataclass
class Where:
    extension: Path
    moto: Path
    bucket: Path
    cli: Path


class Aws(Program):
    """AWS on this machine. With `strict`, it checks signatures, and what their owners may do."""

    def __init__(self, moto: Path, strict: bool = False):
        self.port = free_port()
        self.id, self.secret = "AKIDEXAMPLE", "s3cr3t-aws-key"
        super().__init__("moto", [moto, "-H", "127.0.0.1", "-p", self.port], {"PATH": os.environ["PATH"]})
        self.wait_for(self.port)
        if strict:
            self.be_strict()

    @property
    def at(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def env(self) -> dict:
        return {"AWS_ENDPOINT_URL": self.at, "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": self.id,
                "AWS_SECRET_ACCESS_KEY": self.secret}

    def call(self, service: str, target: str, **request) -> dict:
        """An operation of the JSON protocol."""
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1", **unchecked(service)}
        return json.loads(post(self.at, json.dumps(request).encode(), headers))

    def query(self, **request) -> str:
        """An operation of IAM."""
        body = urllib.parse.urlencode({"Version": "2010-05-08", **request}).encode()
        return post(self.at, body, unchecked("iam")).decode()

    def s3(self, method: str, path: str, body: bytes | None = None) -> tuple[Message, bytes]:
        headers = {"Content-Type": "application/octet-stream", **unchecked("s3")}
        request = urllib.request.Request(f"{self.at}/{path}", body, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            return answer.headers, answer.read()

    def be_strict(self) -> None:
        """From now on every request has to be signed by this user, who may do this much."""
        self.query(Action="CreateUser", UserName="function")
        allowed = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["s3:PutObject", "s3:GetObject", "secretsmanager:GetSecretValue", "ssm:GetParameter"],
             "Resource": "*"}]}
        self.query(Action="PutUserPolicy", UserName="function", PolicyName="p", PolicyDocument=json.dumps(allowed))
        key = self.query(Action="CreateAccessKey", UserName="function")
        self.id = re.search("<AccessKeyId>(.*?)</", key).group(1)
        self.secret = re.search("<SecretAccessKey>(.*?)</", key).group(1)

    def objects(self, bucket: str) -> dict[str, tuple[Message, bytes]]:
        """What a bucket holds, by key."""
        _, listed = self.s3("GET", f"{bucket}?list-type=2")
        keys = re.findall("<Key>(.*?)</Key>", listed.decode())
        return {key: self.s3("GET", f"{bucket}/{urllib.parse.quote(key)}") for key in keys}

    def check_signatures(self, after: int = 0) -> None:
        """From the so-many-th request on, signatures and permissions count."""
        post(f"{self.at}/moto-api/reset-auth", str(after).encode(), {"Content-Type": "text/plain"})


def unchecked(service: str) -> dict:
    """What tells `moto_server` which service is meant, as long as it does not check signatures."""
    region = "us-east-1" if service in ("iam", "s3") else "eu-west-1"
    scope = f"20260101/{region}/{service}/aws4_request"
    return {"Authorization": f"AWS4-HMAC-SHA256 Credential=AKID/{scope}, SignedHeaders=host, Signature=0"}


def through(where, env: dict, paths=("/v1/traces",)) -> str:
    """Sends the samples through the extension to its end, and gives what it logged."""
    with Extension(where.extension, env) as extension:
        for path in paths:
            post(f"http://127.0.0.1:{extension.http}{path}", samples.ALL[path].SerializeToString(), PROTOBUF)
        equal(extension.end(), 0, "how the extension ended")
        return (extension.place / "output").read_text()


@check
def headers_come_from_secrets_manager_and_from_parameters(where):
    with Aws(where.moto) as aws, Sink(sys.executable) as sink:
        secret = json.dumps({"token": "s3cr3t-t0ken", "other": 7})
        aws.call("secretsmanager", "secretsmanager.CreateSecret", Name="prod/otlp", SecretString=secret,
                 ClientRequestToken="0" * 32)
        aws.call("ssm", "AmazonSSM.PutParameter", Name="/prod/tenant", Value="s3cr3t-tenant", Type="SecureString")
        log = through(where, {
            **aws.env,
            "SPANLAYER_LOG": "debug",
            "SPANLAYER_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{sink.port}",
            "SPANLAYER_EXPORTER_OTLP_HEADERS":
                "authorization=Bearer%20${secretsmanager:prod/otlp#token},x-tenant=${ssm:/prod/tenant}",
        })
        (request,) = otlp.requests(sink.received())
        equal(request.headers["authorization"], "Bearer s3cr3t-t0ken", "from Secrets Manager")
        equal(request.headers["x-tenant"], "s3cr3t-tenant", "from Systems Manager, decrypted")
        true("s3cr3t" not in log, f"no secret is logged: {log}")


@check
def signatures_are_good_and_only_what_is_documented_has_to_be_allowed(where):
    with Aws(where.moto, strict=True) as aws, Sink(sys.executable) as sink:
        aws.call("secretsmanager", "secretsmanager.CreateSecret", Name="prod/otlp", SecretString="t0ken",
                 ClientRequestToken="0" * 32)
        aws.call("ssm", "AmazonSSM.PutParameter", Name="/prod/tenant", Value="tenant", Type="SecureString")
        aws.s3("PUT", "archive")
        aws.check_signatures()
        log = through(where, {
            **aws.env,
            "SPANLAYER_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{sink.port}/v1/traces",
            "SPANLAYER_EXPORTER_OTLP_TRACES_HEADERS":
                "authorization=Bearer%20${secretsmanager:prod/otlp},x-tenant=${ssm:/prod/tenant}",
            "SPANLAYER_EXPORTER_OTLP_LOGS_ENDPOINT": "s3://archive/prod/",
        }, ("/v1/traces", "/v1/logs"))
        (request,) = otlp.requests(sink.received())
        equal((request.headers["authorization"], request.headers["x-tenant"]), ("Bearer t0ken", "tenant"), log)
        aws.check_signatures(1000)
        equal(len(aws.objects("archive")), 1, f"objects; {log}")


@check
def a_signature_with_the_wrong_key_is_refused_and_said_to_be(where):
    with Aws(where.moto, strict=True) as aws, Sink(sys.executable) as sink:
        aws.check_signatures()
        log = through(where, {
            **aws.env,
            "AWS_SECRET_ACCESS_KEY": "wrong-s3cr3t",
            "SPANLAYER_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{sink.port}",
            "SPANLAYER_EXPORTER_OTLP_HEADERS": "authorization=${secretsmanager:prod/otlp}",
        })
        equal(otlp.requests(sink.received()), [], "nothing goes out without")
        true("secretsmanager:prod/otlp" in log and "signature" in log.lower() and "s3cr3t" not in log, log)


@check
def batches_become_objects_of_the_hour_that_hold_what_was_sent(where):
    with Aws(where.moto) as aws:
        aws.s3("PUT", "archive")
        log = through(where, {**aws.env, "SPANLAYER_EXPORTER_OTLP_ENDPOINT": "s3://archive/prod/"}, tuple(samples.ALL))
        objects = aws.objects("archive")
        equal(len(objects), 3, f"objects; {log}")
        for path, expected in samples.ALL.items():
            signal = path.removeprefix("/v1/")
            form = rf"prod/{signal}/year=\d{{4}}/month=\d\d/day=\d\d/hour=\d\d/[0-9a-f]{{32}}\.binpb\.gz"
            ((headers, body),) = [found for key, found in objects.items() if re.fullmatch(form, key)]
            equal(type(expected).FromString(gzip.decompress(body)), expected, path)
            equal(headers["Content-Encoding"], "gzip", "encoding")


@check
def the_pipeline_file_is_an_object_in_a_bucket(where):
    with Aws(where.moto, strict=True) as aws, Sink(sys.executable) as sink:
        aws.s3("PUT", "settings")
        file = (
            "receivers: {otlp: {protocols: {http: }}}\n"
            f"exporters: {{otlphttp: {{endpoint: 'http://127.0.0.1:{sink.port}'}}}}\n"
            "service: {pipelines: {traces: {receivers: [otlp], exporters: [otlphttp]}}}\n"
        )
        aws.s3("PUT", "settings/prod/spanlayer.yaml", file.encode())
        aws.check_signatures()
        log = through(where, {**aws.env, "SPANLAYER_CONFIG": "s3://settings/prod/spanlayer.yaml"})
        equal([request.path for request in otlp.requests(sink.received())], ["/v1/traces"], log)
        true("the configuration is s3://settings/prod/spanlayer.yaml, with the hash" in log, log)


FILE = """
extensions:
  bearertokenauth: {token: "${secretsmanager:prod/otlp#token}"}
receivers: {otlp: {protocols: {http: {endpoint: "127.0.0.1:0"}}}}
exporters:
  otlphttp:
    endpoint: http://127.0.0.1:PORT
    headers: {x-tenant: "${ssm:/prod/tenant}"}
    auth: {authenticator: bearertokenauth}
  awss3:
    s3uploader: {s3_bucket: archive, s3_prefix: prod, compression: gzip}
    marshaler: otlp_proto
service:
  extensions: [bearertokenauth]
  pipelines:
    traces: {receivers: [otlp], exporters: [otlphttp, awss3]}
"""


@check
def a_pipeline_file_fetches_secrets_and_writes_objects(where):
    with Aws(where.moto, strict=True) as aws, Sink(sys.executable) as sink:
        aws.call("secretsmanager", "secretsmanager.CreateSecret", Name="prod/otlp",
                 SecretString=json.dumps({"token": "s3cr3t-t0ken"}), ClientRequestToken="0" * 32)
        aws.call("ssm", "AmazonSSM.PutParameter", Name="/prod/tenant", Value="s3cr3t-tenant", Type="SecureString")
        aws.s3("PUT", "archive")
        aws.check_signatures()
        config = "yaml:" + FILE.replace("PORT", str(sink.port))
        log = through(where, {**aws.env, "SPANLAYER_CONFIG": config, "SPANLAYER_LOG": "debug"})
        (request,) = otlp.requests(sink.received())
        equal(request.headers["authorization"], "Bearer s3cr3t-t0ken", log)
        equal(request.headers["x-tenant"], "s3cr3t-tenant", log)
        true("s3cr3t" not in log, f"no secret is logged: {log}")
        aws.check_signatures(1000)
        ((key, (_, body)),) = aws.objects("archive").items()
        true(key.startswith("prod/traces/") and key.endswith(".binpb.gz"), key)
        equal(type(TRACES).FromString(gzip.decompress(body)), TRACES, "the object")


@check
def objects_are_put_listed_got_and_deleted(where):
    with Aws(where.moto) as aws:
        aws.s3("PUT", "archive")

        def bucket(*words: str, body: bytes = b"") -> bytes:
            env = {"PATH": os.environ["PATH"], **aws.env}
            return subprocess.run([where.bucket, "archive", *words], input=body, env=env, check=True,
                                  capture_output=True, timeout=30).stdout

        names = ["a b", "c+d/e", "ü & <x>"]
        for name in names:
            bucket("put", f"p/{name}", body=name.encode())
        bucket("put", "q/elsewhere")
        equal(bucket("list", "p/").decode().splitlines(), [f"p/{name}" for name in sorted(names)], "keys")
        for name in names:
            equal(bucket("get", f"p/{name}").decode(), name, "the object")
            bucket("delete", f"p/{name}")
        equal(bucket("list", "p/"), b"", "nothing is left")
        equal(list(aws.objects("archive")), ["q/elsewhere"], "but what is elsewhere")


@check
def a_secret_that_is_rotated_counts_once_the_old_one_is_turned_away(where):
    with Aws(where.moto) as aws, Gate() as gate:
        aws.call("secretsmanager", "secretsmanager.CreateSecret", Name="prod/otlp", SecretString="old",
                 ClientRequestToken="0" * 32)
        env = {
            **aws.env,
            "SPANLAYER_FLUSH": "continuous",
            "SPANLAYER_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{gate.port}",
            "SPANLAYER_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20${secretsmanager:prod/otlp}",
        }
        gate.wanted = "Bearer old"
        with Extension(where.extension, env) as extension:
            at = f"http://127.0.0.1:{extension.http}/v1/traces"
            post(at, TRACES.SerializeToString(), PROTOBUF)
            until(lambda: gate.seen == ["Bearer old"], f"the first delivery, of {gate.seen}")
            aws.call("secretsmanager", "secretsmanager.PutSecretValue", SecretId="prod/otlp", SecretString="new",
                     ClientRequestToken="1" * 32)
            gate.wanted = "Bearer new"
            post(at, TRACES.SerializeToString(), PROTOBUF)
            equal(extension.end(), 0, "how the extension ended")
        equal(gate.seen, ["Bearer old", "Bearer old", "Bearer new"], "what was shown")
        equal(gate.taken, 2, "batches taken")


@check
def dead_letters_become_objects_that_replay_delivers_once_and_deletes(where):
    with Aws(where.moto) as aws, Gate() as gate, Sink(sys.executable) as sink:
        aws.s3("PUT", "letters")
        gate.wanted = "what nobody has"
        log = through(where, {
            **aws.env,
            "SPANLAYER_DEAD_LETTERS": "s3://letters/prod",
            "SPANLAYER_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{gate.port}",
        }, tuple(samples.ALL))
        keys = list(aws.objects("letters"))
        true(len(keys) == 3 and all(re.fullmatch(r"prod/\d{4}/\d\d/\d\d/\d+-[0-9a-f]{32}\.jsonl", key) for key in keys),
             f"one object for each signal: {keys} {log}")
        listed = replay(where, aws, "--dry-run")
        true("3 dead letters found, 3 chosen" in listed and "401" in listed, listed)
        to = ("--to", f"http://127.0.0.1:{sink.port}")
        true("1 delivered" in replay(where, aws, "--signal", "traces", *to), "the chosen one")
        (request,) = otlp.requests(sink.received())
        equal(request.message, TRACES, "what had been refused")
        equal(len(aws.objects("letters")), 2, "what was acknowledged is gone, and nothing else")
        true("2 delivered" in replay(where, aws, *to), "the others")
        equal((len(otlp.requests(sink.received())), aws.objects("letters")), (3, {}), "each once")
        true("0 dead letters found" in replay(where, aws, *to), "and never again")


def replay(where, aws: Aws, *arguments: str) -> str:
    """Runs the command on the bucket's letters: what it prints."""
    command = [where.cli, "replay", "s3://letters/prod", *arguments]
    done = subprocess.run(command, env=aws.env, cwd=tempfile.gettempdir(), capture_output=True, text=True, timeout=60)
    equal(done.returncode, 0, f"how {command} ended: {done.stdout} {done.stderr}")
    return done.stdout


class Gate:
    """A destination that takes nothing without the right words."""

    def __init__(self):
        import threading
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                shown = self.headers.get("authorization", "")
                gate.seen.append(shown)
                gate.taken += shown == gate.wanted
                self.send_response(200 if shown == gate.wanted else 401)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.seen, self.taken, self.wanted = [], 0, ""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()


def main() -> int:
    target = Path(os.environ.get("CARGO_TARGET_DIR") or Path(__file__).resolve().parents[2] / "target").resolve()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--extension", default=target / "release" / "spanlayer",
                        type=lambda text: Path(text).resolve())
    parser.add_argument("--cli", default=target / "release" / "spanlayer-cli", type=lambda text: Path(text).resolve())
    parser.add_argument("--moto", type=Path, required=True)
    parser.add_argument("--bucket", default=target / "release" / "examples" / "bucket",
                        type=lambda text: Path(text).resolve())
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    return checks.run(Where(extension=given.extension, moto=given.moto, bucket=given.bucket, cli=given.cli), given.only)


if __name__ == "__main__":
    sys.exit(main())
