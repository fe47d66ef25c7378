"""schemas.py - random schemas of JSON Schema 2020-12 and instances for them, made from a seed.  Names and
values are few and small, so that about half of the instances are valid."""

NAMES = ["a", "b", "c", "ab", "é", "a/b", "__proto__", "x~1", 'q"']
STRINGS = ["", "a", "ab", "abc", "é", "日本", "👍", "a b", "1", "\u0000", "toString"]
NUMBERS = [0, 1, 2, 3, -1, 1.5, 2.0, 1e2, 100, 0.1, 0.3, -0.0, 7]
TYPES = ["null", "boolean", "object", "array", "number", "string", "integer"]
PATTERNS = ["^a", "b$", "^[a-c]*$", "é", "^.$", "^..?$", "\\d", "^\\S+$", "a|b", "\\p{L}", "x~"]


class Maker:
    def __init__(self, rng):
        self.rng = rng
        self.constants = []

    # ---- instances ----

    def scalar(self):
        rng = self.rng
        kind = rng.randrange(6)
        if kind == 0:
            return rng.choice([None, True, False])
        return rng.choice(NUMBERS) if kind < 3 else rng.choice(STRINGS)

    def instance(self, depth=3):
        rng = self.rng
        if self.constants and rng.random() < 0.15:
            return rng.choice(self.constants)
        if depth == 0 or rng.random() < 0.25:
            return self.scalar()
        if rng.random() < 0.4:
            return [self.instance(depth - 1) for _ in range(rng.randrange(5))]
        return {rng.choice(NAMES): self.instance(depth - 1) for _ in range(rng.randrange(6))}

    # ---- schemas ----

    def schema(self, depth=3, in_place=0):
        """in_place: references go only to $defs from this index on, so that there is no
        cycle; -1: one level down, where every reference is allowed."""
        rng = self.rng
        if depth == 0 or rng.random() < 0.1:
            return rng.choice([True, True, False, {}, self.leaf(), self.leaf(), self.leaf()])
        schema = {}
        for _ in range(rng.choice([1, 2, 2, 3, 3, 4, 5])):
            schema.update(self.keyword(depth, in_place))
        return schema

    def leaf(self):
        schema = {}
        for _ in range(self.rng.choice([1, 1, 2, 3])):
            schema.update(self.assertion())
        return schema

    def assertion(self):
        rng = self.rng
        number = lambda: rng.choice(NUMBERS)
        count = lambda: rng.choice([0, 1, 1, 2, 2, 3, 2.0])
        names = lambda: rng.sample(NAMES, rng.randrange(3))
        kind = rng.randrange(22)
        if kind < 4:
            return {"type": rng.choice(TYPES) if rng.random() < 0.6 else rng.sample(TYPES, rng.randrange(1, 5))}
        if kind == 4:
            self.constants.append(self.instance(1))
            return {"const": self.constants[-1]}
        if kind in (5, 6):
            values = [self.instance(1) for _ in range(rng.randrange(1, 22 if rng.random() < 0.2 else 5))]
            self.constants += values
            return {"enum": values}
        return [
            lambda: {"minimum": number()},
            lambda: {"maximum": number()},
            lambda: {"exclusiveMinimum": number()},
            lambda: {"exclusiveMaximum": number()},
            lambda: {"multipleOf": rng.choice([1, 2, 0.5, 3, 7, 100])},
            lambda: {"minLength": count()},
            lambda: {"maxLength": count()},
            lambda: {"pattern": rng.choice(PATTERNS)},
            lambda: {"minItems": count()},
            lambda: {"maxItems": count()},
            lambda: {"uniqueItems": rng.random() < 0.8},
            lambda: {"minProperties": count()},
            lambda: {"maxProperties": count()},
            lambda: {"required": names()},
            lambda: {"dependentRequired": {name: names() for name in names()}},
        ][kind - 7]()

    def keyword(self, depth, in_place):
        rng = self.rng
        below = lambda: self.schema(depth - 1, -1)
        same_value = lambda: self.schema(depth - 1, in_place)
        some = lambda make, least=1: [make() for _ in range(rng.randrange(least, 4))]
        named = lambda make, names: {name: make() for name in rng.sample(names, rng.randrange(1, 4))}
        choices = [
            (6, lambda: {"properties": named(below, NAMES)}),
            (2, lambda: {"patternProperties": named(below, PATTERNS)}),
            (2, lambda: {"additionalProperties": below()}),
            (1, lambda: {"propertyNames": self.leaf()}),
            (3, lambda: {"prefixItems": some(below)}),
            (3, lambda: {"items": below()}),
            (3, self.contains),
            (3, lambda: {"allOf": some(same_value)}),
            (3, lambda: {"anyOf": some(same_value)}),
            (2, lambda: {"oneOf": some(same_value)}),
            (1, lambda: {"not": same_value()}),
            (3, lambda: self.condition(same_value)),
            (2, lambda: {"dependentSchemas": named(same_value, NAMES)}),
            (4, lambda: {"unevaluatedProperties": rng.choice([False, False, below()])}),
            (4, lambda: {"unevaluatedItems": rng.choice([False, False, below()])}),
            (4, lambda: self.reference(in_place)),
            (8, self.assertion),
        ]
        weights, makers = zip(*choices)
        return rng.choices(makers, weights)[0]()

    def contains(self):
        schema = {"contains": self.schema(1, -1)}
        if self.rng.random() < 0.4:
            schema["minContains"] = self.rng.randrange(3)
        if self.rng.random() < 0.4:
            schema["maxContains"] = self.rng.randrange(4)
        return schema

    def condition(self, make):
        schema = {"if": make()}
        for keyword in ("then", "else"):
            if self.rng.random() < 0.7:
                schema[keyword] = make()
        return schema

    DEFS = 4

    def reference(self, in_place):
        first = 0 if in_place < 0 else in_place
        if first >= self.DEFS:
            return {}
        number = self.rng.randrange(first, self.DEFS)
        return {"$ref": self.rng.choice([f"#/$defs/d{number}", f"#d{number}"])}

    def document(self):
        schema = self.schema(3, 0)
        if not isinstance(schema, dict):
            return schema
        schema["$defs"] = {}
        for number in range(self.DEFS):
            definition = self.schema(2, number + 1)
            if not isinstance(definition, dict):
                definition = {"allOf": [definition]}
            definition["$anchor"] = f"d{number}"
            schema["$defs"][f"d{number}"] = definition
        return schema
