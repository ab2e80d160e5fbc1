"""What clean-up scripts mean, by parsers that nobody here wrote.

Reads a JSON list of {dialect, script, fold, now, keys} from standard input; `now` is a wall clock in UTC. Mode `meaning`
prints for each script the SELECTs of its targets for PostgreSQL, mode `parse` what no parser understands.

sqlglot reads each statement, sqlfluff a whole script with all that stands around statements. sqlglot does not carry, so
that it is done here: LIKE with a set of signs, Oracle's reckoning in days and its few functions without a like.
"""

import json
import re
import sys
from concurrent.futures import ProcessPoolExecutor

import sqlglot
from sqlglot import exp

NAMES = {"sqlserver": "tsql", "oracle": "oracle"}
PICK = {
    "sqlserver": re.compile(r"SELECT TOP \(@size\) .*?;", re.S),
    "oracle": re.compile(r"CURSOR dead IS\s+(SELECT .*?;)", re.S),
}
DECLARED = {
    "sqlserver": re.compile(r"^DECLARE (@cut_\d+) \S+ = (.*);$", re.M),
    "oracle": re.compile(r"^  (tokenkeeper_cut_\d+) CONSTANT \S+ := (.*);$", re.M),
}


def meaning(job):
    dialect = job["dialect"]
    selects = []
    # Oracle's blocks declare their cut-offs anew; on SQL Server they stand before the first part.
    blocks = job["script"].split("\nDECLARE\n") if dialect == "oracle" else [job["script"]]
    for block in blocks:
        cuts = dict(DECLARED[dialect].findall(block))
        for found in PICK[dialect].finditer(block):
            text = found.group(found.lastindex or 0)
            selects.append(select(job, text, cuts, job["keys"][len(selects)]))
    return selects


def select(job, text, cuts, keys):
    dialect = NAMES[job["dialect"]]
    # The longer names first: cut_1 is the beginning of cut_10.
    for name in sorted(cuts, key=len, reverse=True):
        text = text.replace(name, f"({cuts[name]})")
    now = job["now"]
    for name, hours in (("utc", 0), ("server", -1)):
        if dialect == "tsql":
            text = text.replace(f"@{name}", f"DATEADD(HOUR, {hours}, CAST('{now}' AS datetime2(3)))")
        else:
            text = text.replace(f"tokenkeeper_{name}", f"script_wall('{now}', {hours})")
    tree = sqlglot.parse_one(text.rstrip(";"), read=dialect)
    tree.set("limit", None)
    tree.set("locks", None)
    for table in tree.find_all(exp.Table):
        table.set("hints", None)
    target = tree.find(exp.From).this
    columns = [exp.column(exp.to_identifier(key, quoted=True), table=target.name) for key in keys]
    tree.set("expressions", [exp.cast(column, "text", dialect="postgres") for column in columns])
    tree = tree.transform(carried)
    if job["fold"]:
        for identifier in tree.find_all(exp.Identifier):
            identifier.set("this", identifier.name.lower())
    for identifier in tree.find_all(exp.Identifier):
        identifier.set("quoted", True)
    return tree.sql("postgres").replace("FF3", "MS")


def carried(node):
    if isinstance(node, exp.Like) and node.expression.name == "%[^0-9]%":
        like = exp.RegexpLike(this=node.this, expression=exp.Literal.string("[^0-9]"))
        return exp.Not(this=like) if node.args.get("negate") else like
    # The difference of two DATEs, which have a time of day there.
    if isinstance(node, exp.Sub) and isinstance(node.expression, exp.DateStrToDate):
        left = node.this
        is_cast = isinstance(left, exp.Cast) and left.to.is_type("date")
        return exp.func("script_days", (left.this if is_cast else left).transform(carried))
    if isinstance(node, exp.StrToDate) or (isinstance(node, exp.Anonymous) and node.name.upper() == "TO_DATE"):
        return exp.func("script_date", node.this if isinstance(node, exp.StrToDate) else node.expressions[0])
    if isinstance(node, exp.StrToTime):
        return exp.cast(node.this, "timestamp", dialect="postgres")
    return node


def parse(job):
    from sqlfluff.core import FluffConfig, Linter

    script, dialect = job["script"], NAMES[job["dialect"]]
    linter = Linter(config=FluffConfig(overrides={"dialect": dialect, "large_file_skip_byte_limit": 0}))
    pieces = [script]
    if dialect == "oracle":
        # What is SQL*Plus's alone; and this parser knows ROWID without a table only, and no quotes within q'[…]'.
        body = script[script.index("\nDECLARE\n"):].replace(".ROWID", ".ROW_ID")
        body = re.sub(r"^(WHENEVER|EXIT SUCCESS).*$", "", body, flags=re.M)
        texts = re.findall(r"q'\[(.*?)\]'", body, re.S)
        body = re.sub(r"q'\[.*?\]'", "'text'", body, flags=re.S)
        pieces = [piece.strip() + "\n" for piece in re.split(r"^/$", body, flags=re.M) if piece.strip()]
        pieces += [text + ";\n" for text in texts]
    wrong = [str(error) for piece in pieces for error in linter.parse_string(piece).violations]
    for statement in statements(script, dialect):
        try:
            tree = sqlglot.parse_one(statement, read=dialect)
            wrong += [f"not understood: {part.sql()}" for part in tree.find_all(exp.Command)]
        except sqlglot.errors.SqlglotError as error:
            wrong.append(f"{error}: {statement}")
    return wrong


def statements(script, dialect):
    """The plain statements, also those that are run as texts."""
    yield from re.findall(r"q'\[(.*?)\]'", script, re.S)
    plain = re.sub(r"q'\[.*?\]'", "''", script, flags=re.S)
    plain = re.sub(r"^\s*--.*$", "", plain, flags=re.M)
    # A semicolon may stand in a text.
    begun = r"^\s*((?:INSERT INTO|DELETE FROM|SELECT \S+ AS target)(?:[^;']|'[^']*')*;)"
    for statement in re.findall(begun, plain, re.M):
        yield statement.rstrip(";")


if __name__ == "__main__":
    work = {"meaning": meaning, "parse": parse}[sys.argv[1]]
    with ProcessPoolExecutor(max_workers=2) as workers:
        print(json.dumps(list(workers.map(work, json.load(sys.stdin)))))
