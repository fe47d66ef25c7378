"""test_schema_reference.py - compares `logport check --schema` with other implementations: ajv and
@hyperjump/json-schema in Node.js, python3-jsonschema.  Schemas and lines are random (schemas.py);
a failing test prints its seed."""

import json
import os
import random
import re
import shutil
import subprocess
import unittest

import schemas
from harness import ROOT, SEED, Case, environment, logport, main, native_only, scaled

try:
    import jsonschema
except ImportError:
    jsonschema = None

CLIENTS = os.path.join(ROOT, "tests", "clients")
LINES = 25
META = "https://json-schema.org/draft/2020-12/"


def texts_of(chance, instances):
    """As different programs write JSON."""
    return "".join(
        json.dumps(instance, ensure_ascii=chance.random() < 0.5, separators=chance.choice([(",", ":"), (", ", ": ")])) + "\n"
        for instance in instances
    )


class SchemaReference(Case):
    def validate(self, documents, text, *words):
        """Which lines are valid by logport; None: the schema is refused."""
        folder = self.directory()
        names = []
        for number, document in enumerate(documents):
            names.append(os.path.join(folder, "schema-%d.json" % number))
            with open(names[-1], "w", encoding="utf-8") as file:
                json.dump(document, file, ensure_ascii=number % 2 == 0, indent=2 if SEED % 2 else None)
        options = [word for name in names for word in ("--schema", name)]
        done = logport("check", "--any", *options, *words, stdin=text.encode("utf-8"))
        if done.code == 2:
            return None
        bad = {int(found) for found in re.findall(r"(?m)^[^:\n]*:(\d+):", done.out.decode("utf-8"))}
        return [number not in bad for number in range(1, text.count("\n") + 1)]

    def others(self, cases):
        """The results of Node.js for all cases: {"ajv": [...], "hyperjump": [...]} each."""
        node = shutil.which("node")
        if not node or not os.path.isdir(os.path.join(CLIENTS, "node_modules", "ajv")):
            return [{}] * len(cases)
        text = "\n".join(json.dumps(case) for case in cases)
        done = subprocess.run(
            [node, os.path.join(CLIENTS, "schema.mjs")], input=text.encode(), stdout=subprocess.PIPE, env=environment(), timeout=600
        )
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual(len(answers), len(cases))
        return answers

    def by_python(self, schema, instances):
        """python3-jsonschema has no \\p, and does not implement all of unevaluated*."""
        text = json.dumps(schema)
        if jsonschema is None or "unevaluated" in text or "\\\\p" in text:
            return None
        try:
            validator = jsonschema.Draft202012Validator(schema)
            return [validator.is_valid(instance) for instance in instances]
        except Exception:
            return None

    @native_only("it is the same code, and starts many programs")
    def test_random_schemas_get_the_results_of_other_implementations(self):
        chance = random.Random(SEED)
        cases = []
        for _ in range(scaled(120)):
            maker = schemas.Maker(chance)
            schema = maker.document()
            cases.append({"schema": schema, "instances": [maker.instance() for _ in range(LINES)]})
        compared = held = 0
        all_answers = self.others(cases)
        for case, answers in zip(cases, all_answers):
            schema, instances = case["schema"], case["instances"]
            ours = self.validate([schema], texts_of(chance, instances))
            said = {name: verdicts for name, verdicts in answers.items() if verdicts}
            by_python = self.by_python(schema, instances)
            if by_python:
                said["jsonschema"] = by_python
            self.assertIsNotNone(ours, (SEED, "refused", json.dumps(schema)))
            for number, instance in enumerate(instances):
                verdicts = {name: each[number] for name, each in said.items()}
                if len(set(verdicts.values())) != 1:  # no result, or they do not agree
                    continue
                compared += 1
                held += ours[number]
                self.assertEqual(
                    {ours[number]}, set(verdicts.values()), (SEED, verdicts, json.dumps(instance), json.dumps(schema))
                )
        if compared == 0:
            self.skipTest("none of ajv, @hyperjump/json-schema and python3-jsonschema is there")
        if not any(all_answers):
            return  # python3-jsonschema alone has no result for many schemas
        self.assertGreater(compared, len(cases) * LINES // 2)
        self.assertTrue(compared // 10 < held < compared * 9 // 10, (SEED, held, compared))

    @native_only("it is the same code, and starts many programs")
    def test_a_schema_and_the_meta_schema_agree_on_what_is_one(self):
        """A random schema with one value exchanged is refused if, and only if, the meta-schema does
        not allow it, which a schema that refers to the meta-schema decides."""
        chance = random.Random(SEED + 1)
        documents = []
        for _ in range(scaled(80)):
            document = schemas.Maker(chance).document()
            if isinstance(document, dict):
                exchange(chance, document)
                documents.append(document)
        verdicts = self.validate([{"$ref": META + "schema"}], "".join(json.dumps(one) + "\n" for one in documents))
        self.assertIn(False, verdicts)
        for document, good in zip(documents, verdicts):
            refused = self.validate([document], "1\n") is None
            # Not checked by the meta-schema: targets of references, and invalid regular expressions.
            if good and refused:
                text = json.dumps(document)
                self.assertTrue("$ref" in text or "attern" in text or "$anchor" in text, (SEED, text))
            if not good:
                self.assertTrue(refused, (SEED, json.dumps(document)))

    def test_documents_resolve_each_other(self):
        other = {"$id": "https://example.com/other", "$defs": {"level": {"enum": ["info", "warn"]}}}
        one = {"properties": {"level": {"$ref": "https://example.com/other#/$defs/level"}, "x": {"$ref": "schema-2.json"}}}
        text = '{"level":"info"}\n{"level":"loud"}\n{"x":1}\n{"x":"a"}\n'
        self.assertEqual(self.validate([one, other, {"type": "string"}], text), [True, False, False, True])
        self.assertIsNone(self.validate([one], text))

    def test_formats_are_asserted_when_asked(self):
        text = '"2026-11-24"\n"no date"\n1\n'
        self.assertEqual(self.validate([{"format": "date"}], text), [True, True, True])
        self.assertEqual(self.validate([{"format": "date"}], text, "--formats"), [True, False, True])


def exchange(chance, document):
    """Replaces a random value in it."""
    places = []

    def walk(value):
        for key in value if isinstance(value, dict) else range(len(value)):
            places.append((value, key))
            if isinstance(value[key], (dict, list)):
                walk(value[key])

    walk(document)
    if places:
        where, key = chance.choice(places)
        where[key] = chance.choice([None, True, 0, -1, 1.5, "a", "string", [], ["a"], ["a", "a"], {}, {"a": 1}, [{}], {"a": {}}])


if __name__ == "__main__":
    main()
