"""Deploys the built stack onto an emulator of AWS, beside Apache Kafka, and proves that it does its job there.

    run.py BUILD        BUILD is a folder that `sam build` filled for this machine's architecture

| what stands in | for |
|---|---|
| MiniStack, checking every permission of every role | CloudFormation, IAM, Lambda, DynamoDB and its streams, the HTTP API |
| Apache Kafka, one broker | a self-managed Kafka |
| `giro`'s poller | the event sources on Kafka, which MiniStack stores and does not poll |

Everything listens on 127.0.0.1, on free ports, and is ended by its process. Exits with 1 if anything fell short, and says what.
"""

import concurrent.futures
import json
import os
import pathlib
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import doctor

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
GIRO = ROOT / "target" / "debug" / "giro"
STACK = "giro"
TABLES = ("accounts", "payments", "refunds", "dead-letters", "account-commands", "checkpoints", "audit-heads")
# What audits have proved. A restore begins it anew.
PROVED = ("checkpoints", "audit-heads")
REGION = "eu-central-1"
PAYMENTS = 2_000
# What two principals ask for over HTTP.
REQUESTS = 2_000
FUNDS = 100_000
CALLERS = 8
# The emulator runs functions on this machine.
ARCHITECTURE = "arm64" if platform.machine() == "aarch64" else "x86_64"
# MiniStack's root, which may do anything; functions get credentials of their own roles.
ROOT_ARN = "arn:aws:iam::000000000000:root"
ROOT_USER = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}

fell_short = []


def check(what, holds, otherwise=""):
    print(f"  {'yes' if holds else 'NO '}  {what}" + (f": {otherwise}" if otherwise and not holds else ""), flush=True)
    if not holds:
        fell_short.append(what)
    return holds


def step(name):
    print(f"\n== {name}", flush=True)


def wait_until(what, ready, seconds, process=None):
    """Asks until it is ready. Raises if it never is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"{what}: the process ended with {process.returncode}")
        found = ready()
        if found:
            return found
        time.sleep(0.2)
    raise RuntimeError(f"{what}: not within {seconds} seconds")


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def listens(port):
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex(("127.0.0.1", port)) == 0


class Deployment:
    """The emulator, the broker, and what is deployed on them."""

    def __init__(self, build, folder):
        self.build = build
        self.folder = pathlib.Path(folder)
        self.processes = []
        # Of every deployment.
        self.parameters = []
        self.kafka = f"127.0.0.1:{free_port()}"
        self.port = free_port()
        self.aws_url = f"http://127.0.0.1:{self.port}"
        self.api = None
        self.environment = {**os.environ, **ROOT_USER, "SAM_CLI_TELEMETRY": "0"}

    def start(self, name, command, environment, cwd=None):
        log = open(self.folder / f"{name}.log", "w")
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=environment, cwd=cwd or ROOT,
                                   start_new_session=True)
        self.processes.append((name, process))
        return process

    def stop(self, name):
        """Ends a process that was started here, with its children."""
        for known, process in self.processes:
            if known == name and process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()

    def close(self):
        for name, _ in reversed(self.processes):
            self.stop(name)

    def log(self, name, lines=15):
        text = (self.folder / f"{name}.log").read_text(errors="replace").splitlines()
        return "\n".join(text[-lines:])

    def client(self, service):
        return boto3.client(service, endpoint_url=self.aws_url, region_name=REGION, aws_access_key_id="test",
                            aws_secret_access_key="test")

    # ── Engines ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def start_kafka(self):
        port = int(self.kafka.rsplit(":", 1)[1])
        command = [ROOT / "scripts/apache-kafka/run.sh", "start", TOOLS / "apache-kafka", self.folder / "kafka", "1",
                   str(port), str(free_port())]
        process = self.start("kafka", command, self.environment)
        wait_until("Apache Kafka", lambda: listens(port), 120, process)

    def start_aws(self):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_REGION": REGION,
            "LAMBDA_EXECUTOR": "local",
            # What its functions are told of AWS, over what their environment says.
            "AWS_ENDPOINT_URL": self.aws_url,
            # Every call is signed, and checked against the policies of its role.
            "AUTH": "true",
        }
        process = self.start("ministack", [TOOLS / "ministack/bin/ministack"], environment)
        wait_until("MiniStack", lambda: listens(self.port), 120, process)

    # ── Deployments ──────────────────────────────────────────────────────────────────────────────────────────────────
    def deploy(self, *parameters):
        """`sam deploy`, of the form for a self-managed Kafka."""
        command = [
            TOOLS / "sam/bin/sam", "deploy", "--template-file", self.build / "template.yaml", "--stack-name", STACK,
            "--resolve-s3", "--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--no-confirm-changeset",
            "--no-progressbar", "--no-fail-on-empty-changeset", "--parameter-overrides",
            "Kafka=self-managed", f"KafkaBootstrapServers={self.kafka}", "KafkaAuth=none", f"Architecture={ARCHITECTURE}",
            # Of one broker.
            "ReplicationFactor=1", "MinInsyncReplicas=1", f"AwsEndpointUrl={self.aws_url}", *self.parameters, *parameters,
        ]
        done = subprocess.run(command, capture_output=True, text=True, env={**self.environment, "AWS_ENDPOINT_URL": self.aws_url},
                              cwd=self.folder, timeout=600)
        (self.folder / "deploy.log").write_text(done.stdout + done.stderr)
        return done.returncode == 0

    def outputs(self):
        stack = self.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    # ── Clients ──────────────────────────────────────────────────────────────────────────────────────────────────────
    def giro(self, *arguments, timeout=300):
        engines = ["--kafka-bootstrap-servers", self.kafka, "--dynamodb-endpoint", self.aws_url]
        return subprocess.run([GIRO, *arguments, *engines], capture_output=True, text=True, env=self.environment,
                              cwd=self.folder, timeout=timeout)

    def user(self, name):
        """An IAM user that may call the HTTP API: its credentials and its ARN."""
        iam = self.client("iam")
        arn = iam.create_user(UserName=name)["User"]["Arn"]
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}]}
        iam.put_user_policy(UserName=name, PolicyName="calls-the-api", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return Credentials(key["AccessKeyId"], key["SecretAccessKey"]), arn

    def call(self, method, path, body=None, signed_by=None):
        """A request to the deployed HTTP API: its status, and the JSON of its body."""
        self.api = self.api or self.outputs()["HttpApiUrl"].split("//")[1].split(".")[0]
        host = f"{self.api}.execute-api.localhost:{self.port}"
        data = None if body is None else json.dumps(body).encode()
        headers = {"Host": host} | ({} if body is None else {"Content-Type": "application/json"})
        if signed_by is not None:
            request = AWSRequest(method, f"http://{host}{path}", data=data, headers=headers)
            SigV4Auth(signed_by, "execute-api", REGION).add_auth(request)
            headers = dict(request.headers)
        request = urllib.request.Request(self.aws_url + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            try:
                return error.code, json.loads(text)
            except ValueError:
                return error.code, {"text": text}


def deploys(it):
    step("deploy")
    began = time.monotonic()
    # The root user of the emulator is a service that may pay from every account and read it.
    scopes = json.dumps({ROOT_ARN: ["payments:any", "accounts:any"]}, separators=(",", ":"))
    it.parameters = [f"PrincipalScopes={json.dumps(scopes)}", "CanaryAccounts=canary-1,canary-2"]
    if not check("sam deploy creates the stack", it.deploy("DeletionProtection=false"), it.log("deploy", 40)):
        raise RuntimeError("nothing is deployed")
    print(f"  in {time.monotonic() - began:.0f} s")
    functions = {f["FunctionName"] for f in it.client("lambda").list_functions()["Functions"]}
    expected = {"payment-processor", "account-processor", "outcome-publisher", "payment-api", "ledger-auditor",
                "payment-canary"}
    check("every function is there", expected <= functions, f"{expected - functions} are not")
    mappings = it.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    partial = [m for m in mappings if m.get("FunctionResponseTypes") == ["ReportBatchItemFailures"]]
    check("every event source asks for partial responses", len(mappings) == len(partial) == 3, f"{len(partial)} of {len(mappings)}")
    tables = it.client("dynamodb").list_tables()["TableNames"]
    check("every table is there", set(TABLES) <= set(tables), str(tables))


def takes_a_payment_over_http(it):
    step("a payment through the deployed HTTP API")
    root = Credentials("test", "test")
    it.giro("topics", "create", "--replication", "1")
    pollers = it.start("pollers", [GIRO, "up", "--kafka-bootstrap-servers", it.kafka, "--dynamodb-endpoint", it.aws_url,
                                   "--lambda-endpoint", it.aws_url, "--lambda-polls-streams"], it.environment, cwd=it.folder)
    wait_until("the pollers", lambda: (it.folder / ".giro/up.json").exists(), 60, pollers)
    opened = [
        it.giro("accounts", "open", "bank", "--currency", "EUR", "--unlimited"),
        it.giro("accounts", "open", "alice", "--currency", "EUR"),
        # With more credit lanes than one transaction takes.
        it.giro("accounts", "open", "shop", "--currency", "EUR", "--credit-lanes", "200"),
    ]
    check("accounts are opened by the deployed account-processor", all(o.returncode == 0 for o in opened),
          "; ".join(o.stderr.strip() for o in opened))
    changed = [it.giro("accounts", change, "alice") for change in ("freeze", "unfreeze")]
    check("and frozen and unfrozen by it", all(c.returncode == 0 for c in changed), "; ".join(c.stderr.strip() for c in changed))
    payment = {"payment_id": "deploy-test-1", "debtor_account": "bank", "creditor_account": "alice", "amount": 500,
               "currency": "EUR"}
    status, body = it.call("POST", "/payments", payment)
    check("a request that nobody signed is refused", status in (401, 403), f"{status} {body}")
    status, body = it.call("POST", "/payments", payment, root)
    check("POST /payments answers 202", status == 202, f"{status} {body}")

    def outcome():
        status, body = it.call("GET", "/payments/deploy-test-1", signed_by=root)
        return body if status == 200 else None

    try:
        found = wait_until("the outcome", outcome, 60)
    except RuntimeError as error:
        found = {"error": str(error)}
    check("GET /payments/{id} tells that it is settled", found.get("status") == "settled", str(found))
    status, body = it.call("GET", "/accounts/alice", signed_by=root)
    check("GET /accounts/{id} tells the balance", status == 200 and body.get("balance") == 500, f"{status} {body}")
    status, body = it.call("GET", "/accounts/alice/statement", signed_by=root)
    check("GET /accounts/{id}/statement tells the posting", status == 200 and "deploy-test-1" in json.dumps(body), f"{status} {body}")

    def on_topic():
        lines = it.giro("outcomes", "--json").stdout.splitlines()
        return [line for line in lines if json.loads(line).get("payment_id") == "deploy-test-1"]

    try:
        records = wait_until("the record", on_topic, 60)
    except RuntimeError:
        records = []
    check("its outcome is a record on payment-outcomes", any(json.loads(r)["status"] == "settled" for r in records),
          "none came: " + it.log("ministack", 5))
    refused = it.giro("restore", "rebuild", "--prefix", "restored-")
    check("nothing is rebuilt beside pollers", refused.returncode == 1 and "giro down" in refused.stderr, refused.stderr)
    owners_pay(it, root)
    pays_by_canary(it)
    it.stop("pollers")


def owners_pay(it, root):
    step(f"{REQUESTS} payments, refunds and payments with legs of two principals")
    (ann, ann_arn), (sue, sue_arn) = it.user("ann"), it.user("sue")
    opened = [
        it.giro("accounts", "open", "ann", "--currency", "EUR", "--owner", ann_arn, "--overdraft-limit", "10000.00"),
        it.giro("accounts", "open", "sue", "--currency", "EUR", "--owner", sue_arn, "--overdraft-limit", "10000.00"),
        it.giro("accounts", "open", "fees", "--currency", "EUR"),
    ]
    check("their accounts are opened with owners", all(o.returncode == 0 for o in opened), "; ".join(o.stderr for o in opened))

    funds = [{"payment_id": f"funds-{name}", "debtor_account": "bank", "creditor_account": name, "amount": FUNDS, "currency": "EUR"}
             for name in ("ann", "sue")]
    funded = [it.call("POST", "/payments", body, root)[0] for body in funds]
    check("a service with the scope funds them", funded == [202, 202], str(funded))

    def request(number):
        """One request, who signs it, and its id."""
        who, name, other = [(ann, "ann", "sue"), (sue, "sue", "ann")][number % 2]
        key = f"{name}-{number}"
        if number % 10 < 6:
            return who, "/payments", {"payment_id": key, "debtor_account": name, "creditor_account": other, "amount": 5, "currency": "EUR"}
        if number % 10 < 8:
            legs = [{"creditor_account": other, "amount": 4, "currency": "EUR"}, {"creditor_account": "fees", "amount": 1, "currency": "EUR"}]
            return who, "/payments", {"payment_id": key, "debtor_account": name, "legs": legs}
        # It gives back a payment that the other one made before.
        original = f"{other}-{number - 9 if number % 2 else number - 7}"
        return who, "/refunds", {"refund_id": key, "original_payment_id": original, "debtor_account": name, "amount": 2}

    requests = [request(number) for number in range(REQUESTS)]

    def told(ids):
        """The outcomes of these ids, once all of them are on the topic."""
        lines = it.giro("outcomes", "--json").stdout.splitlines()
        of = {outcome["payment_id"]: outcome for outcome in map(json.loads, lines) if outcome["payment_id"] in ids}
        return of if len(of) == len(ids) else None

    def send(asked):
        who, path, body = asked
        return it.call("POST", path, body, who)[0]

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(CALLERS) as callers:
        # Those that others rest on come first.
        first = [asked for asked in requests if asked[1] == "/payments"]
        statuses = list(callers.map(send, first))
        wait_until("the outcomes of payments", lambda: told({body["payment_id"] for _, _, body in first}), 180)
        statuses += list(callers.map(send, [asked for asked in requests if asked[1] == "/refunds"]))
    check("each is handed over", statuses == [202] * REQUESTS, str(sorted(set(statuses))))
    print(f"  in {time.monotonic() - began:.0f} s")

    ids = {body.get("payment_id") or body["refund_id"]: body["debtor_account"] for _, _, body in requests}

    try:
        of = wait_until("the outcomes", lambda: told(ids), 120)
    except RuntimeError as error:
        of = {}
        check(str(error), False, it.log("pollers", 5))
    arns = {"ann": ann_arn, "sue": sue_arn}
    check("each has its outcome, which tells who asked", bool(of) and all(o["requested_by"] == arns[ids[i]] for i, o in of.items()))
    settled = sum(outcome["status"] == "settled" for outcome in of.values())
    check("all of them are settled", settled == REQUESTS, f"{settled}")

    def money():
        return {name: it.call("GET", f"/accounts/{name}", signed_by=root)[1].get("balance") for name in ("ann", "sue", "fees")}

    before = money()
    refused = [it.call(*asked)[0] for asked in (
        ("POST", "/payments", {"payment_id": "x-1", "debtor_account": "sue", "creditor_account": "ann", "amount": 5, "currency": "EUR"}, ann),
        ("POST", "/payments?dry_run=true", {"debtor_account": "gone", "creditor_account": "ann", "amount": 5, "currency": "EUR"}, ann),
        ("GET", "/accounts/sue", None, ann), ("GET", "/accounts/gone", None, ann), ("GET", "/accounts/bank", None, sue),
        ("GET", "/payments/deploy-test-1", None, sue),
    )]
    check("neither of them moves or sees what isn't its own", refused == [403, 403, 404, 404, 404, 404], str(refused))
    seen = [it.call("GET", f"/accounts/{name}", signed_by=who)[0] for who, name in ((ann, "ann"), (sue, "sue"))]
    check("each of them sees its own", seen == [200, 200], str(seen))
    check("nothing moved meanwhile", money() == before and sum(before.values()) == 2 * FUNDS, f"{before} {money()}")


def the_doctor(it):
    return doctor.Doctor(it, STACK, TOOLS / "apache-kafka", check)


def is_looked_at(it):
    step("giro doctor")
    doctor.agrees(the_doctor(it))
    doctor.finds_mistakes(the_doctor(it))


def settles_many(it):
    step(f"{PAYMENTS} payments, with every check of giro demo")
    demo = it.giro("demo", "--payments", str(PAYMENTS), "--lambda-endpoint", it.aws_url, "--lambda-polls-streams")
    print("\n".join("  " + line for line in demo.stdout.splitlines()[-14:]))
    check("giro demo finds that all adds up", demo.returncode == 0, demo.stderr.strip())


def pays_by_canary(it):
    step("the canary's payment, from its request to its outcome")
    for account in ("canary-1", "canary-2"):
        opened = it.giro("accounts", "open", account, "--currency", "XTS", "--unlimited")
        check(f"{account} is opened", opened.returncode == 0, opened.stderr.strip())
    answer = it.client("lambda").invoke(FunctionName="payment-canary", Payload=b"{}")
    payload = answer["Payload"].read().decode()
    check("payment-canary sees its outcome", "FunctionError" not in answer and "seconds" in payload, payload)
    print(f"  {payload}")


def audits(it):
    step("the deployed auditor")
    answer = it.client("lambda").invoke(FunctionName="ledger-auditor", Payload=b"{}")
    payload = answer["Payload"].read().decode()
    check("ledger-auditor proves the ledger", "FunctionError" not in answer, payload)


def updates(it):
    step("update in place")
    dynamodb, functions = it.client("dynamodb"), it.client("lambda")
    before = dynamodb.describe_table(TableName="payments")["Table"]
    count = dynamodb.scan(TableName="payments", Select="COUNT")["Count"]
    check("sam deploy updates the stack", it.deploy("DeletionProtection=true", "RequestsPartitions=32", "LagRecordsMax=40000"),
          it.log("deploy", 40))
    variables = functions.get_function_configuration(FunctionName="payment-processor")["Environment"]["Variables"]
    check("the function has its new variable", variables["REQUESTS_PARTITIONS"] == "32", str(variables))
    after = dynamodb.describe_table(TableName="payments")["Table"]
    check("the tables are the same, now protected",
          before["CreationDateTime"] == after["CreationDateTime"] and after.get("DeletionProtectionEnabled") is True, str(after))
    check("they hold what they held", dynamodb.scan(TableName="payments", Select="COUNT")["Count"] == count)


def replaces_mappings(it):
    step("replace the mappings on Kafka")

    def fed():
        mappings = it.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        return {mapping["FunctionArn"].split(":function:")[1]: mapping["UUID"] for mapping in mappings}

    before, parameters = fed(), ["DeletionProtection=true", "RequestsPartitions=32", "LagRecordsMax=40000"]
    check("one deployment takes them away", it.deploy(*parameters, "KafkaMappings=removed"), it.log("deploy", 40))
    check("only the stream is read then", set(fed()) == {"outcome-publisher"}, str(fed()))
    doctor.mappings_agree(the_doctor(it), "giro doctor expects no others then")
    check("the next makes new ones", it.deploy(*parameters, "RequestsWindowSeconds=1"), it.log("deploy", 40))
    after = fed()
    new = {name for name in before if after.get(name) != before[name]}
    check("the two on Kafka are new", new == {"payment-processor", "account-processor"}, f"{before} {after}")
    doctor.mappings_agree(the_doctor(it), "giro doctor finds them as the template says")


def restores(it):
    step("restored tables")
    dynamodb, functions = it.client("dynamodb"), it.client("lambda")
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    # Its DynamoDB doesn't tell to which second a table was restored.
    rebuild = ("restore", "rebuild", "--prefix", "restored-", "--second", now, "--write")
    restored = it.giro("restore", "tables", "--to", now, "--prefix", "restored-")
    check("giro restore tables restores all tables", restored.returncode == 0, restored.stdout + restored.stderr)
    names = [f"restored-{name}" for name in TABLES if name not in PROVED]
    for name in names:
        table = dynamodb.describe_table(TableName=name)["Table"]
        check(f"{name} is protected", table.get("DeletionProtectionEnabled") is True, str(table))
        backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        check("and can be restored itself", backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED")
    tables = ("restore", "tables", "--to", now, "--prefix", "restored-")
    again = it.giro(*tables)
    check("tables whose origin nobody tells are not taken", again.returncode == 1 and "--believe" in again.stderr, again.stderr)
    again = it.giro(*tables, "--believe", *names)
    check("a second run finds all done", again.returncode == 0 and "is there already" in again.stdout, again.stdout + again.stderr)
    rebuilt = it.giro(*rebuild)
    check("giro restore rebuild computes them anew", rebuilt.returncode == 0, rebuilt.stdout[-2000:] + rebuilt.stderr)
    once_more = it.giro(*rebuild)
    check("and changes nothing in a second run", "nothing must change" in once_more.stdout, once_more.stdout[-2000:])
    stream = dynamodb.describe_table(TableName="restored-payments")["Table"].get("LatestStreamArn", "")
    check("sam deploy takes the restored tables", it.deploy(
        "DeletionProtection=true", "RequestsPartitions=32", "RestoredTables=restored-", f"RestoredPaymentsStream={stream}",
        "ConsumerGroupSuffix=-2", "SettlePayments=false"), it.log("deploy", 40))
    variables = functions.get_function_configuration(FunctionName="payment-processor")["Environment"]["Variables"]
    check("functions use them", variables["ACCOUNTS_TABLE"] == "restored-accounts", str(variables))
    check("the old tables stay", {"accounts", "payments"} <= set(dynamodb.list_tables()["TableNames"]))
    for name in PROVED:
        proofs = dynamodb.scan(TableName=f"restored-{name}", Select="COUNT")["Count"]
        check(f"restored-{name} is made anew, and is empty", proofs == 0, str(proofs))
    doctor.finds_a_new_stream(the_doctor(it), "restored-payments")


def deletes(it):
    step("delete")
    cloudformation, dynamodb = it.client("cloudformation"), it.client("dynamodb")
    count = dynamodb.scan(TableName="payments", Select="COUNT")["Count"]
    cloudformation.delete_stack(StackName=STACK)
    try:
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
        deleted = True
    except Exception as error:  # noqa: BLE001 (whatever the waiter says is what fell short)
        deleted = False
        print(f"  {error}")
    check("the stack is deleted", deleted)
    functions = [f["FunctionName"] for f in it.client("lambda").list_functions()["Functions"]]
    roles = [role["RoleName"] for role in it.client("iam").list_roles()["Roles"] if role["RoleName"].startswith(STACK)]
    check("no function and no role of it is left", not functions and not roles, f"{functions} {roles}")
    tables = dynamodb.list_tables()["TableNames"]
    kept = set(TABLES) <= set(tables)
    check("the tables stay, with all they hold", kept and dynamodb.scan(TableName="payments", Select="COUNT")["Count"] == count,
          str(tables))


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="giro-deploy-test-") as folder:
        it = Deployment(build, folder)
        try:
            step("engines")
            it.start_kafka()
            it.start_aws()
            print(f"  Apache Kafka at {it.kafka}, MiniStack at {it.aws_url}")
            deploys(it)
            for part in (takes_a_payment_over_http, is_looked_at, settles_many, audits, updates, replaces_mappings, restores, deletes):
                try:
                    part(it)
                except Exception as error:  # noqa: BLE001 (the next part may still tell something)
                    check(f"{part.__name__}: ran to its end", False, repr(error))
        except RuntimeError as error:
            check(str(error), False)
        finally:
            it.close()
    step("summary")
    print("everything held" if not fell_short else "\n".join(f"FELL SHORT {what}" for what in fell_short))
    return 1 if fell_short else 0


if __name__ == "__main__":
    sys.exit(main())
