"""`giro doctor` beside a deployed stack: it finds that all agrees, then each mistake that is planted, and nothing else.

| what stands in | tells |
|---|---|
| MiniStack | what mappings on streams, functions, tables, streams and roles are; of mappings on Kafka neither topic nor pollers |
| Apache Kafka | topics, their configuration, and consumer groups |
"""

import json
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
TABLES = ("accounts", "payments", "refunds", "dead-letters", "account-commands", "checkpoints", "audit-heads")
# What MiniStack's CloudFormation leaves out of what the template asks for.
RESERVED = {"payment-api": 200, "ledger-auditor": 1}
LEFT_OUT = {f"function {name}, reserved concurrency" for name in RESERVED} | \
    {f"table {table}, point-in-time recovery" for table in TABLES}
# Of mappings on Kafka it keeps none of these.
UNTOLD = "Topics, ConsumerGroupId, KafkaBootstrapServers, MinimumPollers, MaximumPollers, MetricsConfig.Metrics, " \
    "LoggingConfig.SystemLogLevel"


class Doctor:
    """Asks, and plants mistakes."""

    def __init__(self, it, stack, jars, check):
        self.it, self.stack, self.jars, self.check = it, stack, jars, check
        self.functions, self.dynamodb, self.iam = it.client("lambda"), it.client("dynamodb"), it.client("iam")

    def ask(self):
        """The exit code, what differs, and what was not looked at, each by what it is about."""
        asked = self.it.giro("doctor", "--stack", self.stack, "--aws-endpoint", self.it.aws_url, "--json")
        if not asked.stdout.strip():
            return asked.returncode, {asked.stderr.strip()}, set()
        told = json.loads(asked.stdout)
        return asked.returncode, *({found["what"] for found in told[name]} for name in ("differences", "not_looked_at"))

    def expect(self, what, differs, code=1):
        found = self.ask()
        return self.check(what, found[:2] == (code, differs), str(found))

    def kafka(self, *arguments):
        command = ["java", "-cp", f"{self.jars}/*", HERE / "Groups.java", self.it.kafka, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout.split()

    # ── Mistakes: each plants itself, and gives what undoes it ───────────────────────────────────────────────────────
    def mapping(self, function, **change):
        mappings = self.functions.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
        uuid, = (mapping["UUID"] for mapping in mappings)
        before = {name: mappings[0].get(name) for name in change if name != "Enabled"}
        self.functions.update_event_source_mapping(UUID=uuid, **change)
        if "Enabled" in change:
            before["Enabled"] = not change["Enabled"]
        return lambda: self.functions.update_event_source_mapping(UUID=uuid, **before)

    def variable(self, function, name, value):
        before = self.functions.get_function_configuration(FunctionName=function)["Environment"]

        def update(environment):
            self.functions.update_function_configuration(FunctionName=function, Environment=environment)
            self.functions.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})

        update({"Variables": {**before["Variables"], name: value}})
        return lambda: update(before)

    def grant(self, function, action):
        role = self.functions.get_function_configuration(FunctionName=function)["Role"].rsplit("/", 1)[1]
        policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": "*"}]}
        self.iam.put_role_policy(RoleName=role, PolicyName="planted", PolicyDocument=json.dumps(policy))
        return lambda: self.iam.delete_role_policy(RoleName=role, PolicyName="planted")

    def protection(self, table, on):
        self.dynamodb.update_table(TableName=table, DeletionProtectionEnabled=on)
        return lambda: self.dynamodb.update_table(TableName=table, DeletionProtectionEnabled=not on)

    def deletes(self, table, attribute):
        def update(on):
            setting = {"Enabled": on, "AttributeName": attribute}
            self.dynamodb.update_time_to_live(TableName=table, TimeToLiveSpecification=setting)

        update(True)
        return lambda: update(False)

    def trust(self, function, principal):
        role = self.functions.get_function_configuration(FunctionName=function)["Role"].rsplit("/", 1)[1]
        before = self.iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        more = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}

        def update(policy):
            self.iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(policy))

        update({**before, "Statement": [*before["Statement"], more]})
        return lambda: update(before)

    def behind(self, group, topic):
        partition, offset = self.kafka("behind", group, topic)
        return lambda: self.kafka("at", group, topic, partition, offset)

    def config(self, topic, name, value, before):
        self.kafka("config", topic, name, value)
        return lambda: self.kafka("config", topic, name, before)


def agrees(doctor):
    """Mends what the emulator leaves out, and looks again."""
    doctor.expect("giro doctor finds what the emulator's CloudFormation left out, and nothing else", LEFT_OUT)
    for table in TABLES:
        recovery = {"PointInTimeRecoveryEnabled": True}
        doctor.dynamodb.update_continuous_backups(TableName=table, PointInTimeRecoverySpecification=recovery)
    for name, concurrency in RESERVED.items():
        doctor.functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=concurrency)
    doctor.expect("with that, all agrees", set(), code=0)
    untold = {f"mapping {mapping} of {function}, {UNTOLD}" for mapping, function in
              (("PaymentRequests", "payment-processor"), ("AccountCommands", "account-processor"))}
    untold.add("mapping PaymentsStream of outcome-publisher, MetricsConfig.Metrics")
    # Its CloudFormation makes tables without a key.
    untold |= {f"table {table}, encryption" for table in TABLES}
    told = doctor.ask()[2]
    doctor.check("what the emulator doesn't tell is not looked at, and told as that", told == untold, str(told ^ untold))


def finds_mistakes(doctor):
    requests = "mapping PaymentRequests of payment-processor"
    for name, plant, differs in (
        ("a mapping that is off", lambda: doctor.mapping("payment-processor", Enabled=False), f"{requests}, state"),
        ("another size of batches", lambda: doctor.mapping("payment-processor", BatchSize=10), f"{requests}, BatchSize"),
        ("no partial responses", lambda: doctor.mapping("payment-processor", FunctionResponseTypes=[]),
         f"{requests}, FunctionResponseTypes"),
        ("another variable", lambda: doctor.variable("payment-processor", "PARTIAL_BATCH_RESPONSE", "false"),
         "function payment-processor, PARTIAL_BATCH_RESPONSE"),
        ("a right too many", lambda: doctor.grant("payment-processor", "dynamodb:DeleteItem"), "role of payment-processor"),
        ("a table that is protected otherwise", lambda: doctor.protection("refunds", True), "table refunds, deletion protection"),
        ("a table that deletes items by their time", lambda: doctor.deletes("payments", "made_up"), "table payments, time to live"),
        ("a role that others may take", lambda: doctor.trust("payment-api", {"Service": "ec2.amazonaws.com"}),
         "role of payment-api, trust"),
        ("a group behind its topic's oldest record", lambda: doctor.behind("payment-processor", "payment-requests"),
         "group payment-processor on payment-requests"),
        ("a topic for records that are too large for it",
         lambda: doctor.config("payment-requests-failed", "max.message.bytes", "1000000", "8388608"),
         "topic payment-requests-failed, max.message.bytes"),
    ):
        undo = plant()
        doctor.expect(f"{name}: giro doctor names it, and nothing else", {differs})
        undo()
    doctor.expect("with all of them undone, all agrees again", set(), code=0)
    gone = doctor.it.giro("doctor", "--stack", "gone", "--aws-endpoint", doctor.it.aws_url)
    doctor.check("a stack that isn't there is wrong use", gone.returncode == 2 and "no stack gone" in gone.stderr, gone.stderr)


def mappings_agree(doctor, what):
    """Of the mappings nothing differs, whatever else does."""
    found = {name for name in doctor.ask()[1] if name.startswith("mapping")}
    doctor.check(what, not found, str(found))


def finds_a_new_stream(doctor, table):
    """Gives a table another stream. The mapping goes on with the old one."""
    mistake = "mapping PaymentsStream of outcome-publisher, stream"
    before = doctor.ask()[1]
    doctor.dynamodb.update_table(TableName=table, StreamSpecification={"StreamEnabled": False})
    doctor.dynamodb.update_table(TableName=table, StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"})
    after = doctor.ask()[1]
    doctor.check("a table with a new stream: giro doctor names it, and nothing new beside it",
                 mistake not in before and after == before | {mistake}, f"{before} {after}")
