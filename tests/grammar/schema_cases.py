"""Schemas and, for each, instances that it allows, members in the schema's order. schema_test.py makes the rest out of them."""

POINT = {"type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "number"}}, "required": ["x", "y"], "additionalProperties": False}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "minLength": 1}, "age": {"type": "integer", "minimum": 0, "maximum": 150}, "email": {"type": "string", "format": "email"}},
    "required": ["name"],
}
TREE = {"$defs": {"tree": {"type": "object", "properties": {"value": {"type": "integer"}, "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}, "required": ["value"], "additionalProperties": False}}, "$ref": "#/$defs/tree"}
LIST = {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"head": {"type": "integer"}, "tail": {"$ref": "#"}}, "required": ["head", "tail"], "additionalProperties": False}]}
CALL = {
    "oneOf": [
        {"type": "object", "properties": {"tool": {"const": "search"}, "query": {"type": "string"}}, "required": ["tool", "query"], "additionalProperties": False},
        {"type": "object", "properties": {"tool": {"const": "open"}, "page": {"type": "integer", "minimum": 1}}, "required": ["tool", "page"], "additionalProperties": False},
    ]
}
CLOSED = {"additionalProperties": False}


def string(**rules):
    return {"type": "string", **rules}


def number(**rules):
    return {"type": "number", **rules}


def integer(**rules):
    return {"type": "integer", **rules}


def array(items, **rules):
    return {"type": "array", "items": items, **rules}


def obj(properties, *required, **rules):
    return {"type": "object", "properties": properties, "required": list(required), **rules}


CASES = [
    # types
    ({}, [None, True, 1, -2.5, "x", [], {}, [1, {"a": [None]}], {"b": {"c": ""}}]),
    (True, [0, "", {"x": 1}]),
    ({"type": "null"}, [None]),
    ({"type": "boolean"}, [True, False]),
    ({"type": "integer"}, [0, -1, 7, 123456789012345678901234567890]),
    ({"type": "number"}, [0, -0.5, 1e-07, 1.6e308, 9.99e307, 5e-324, 12.75]),
    ({"type": "string"}, ["", "plain", "ü 漢字 🙂", "\"quoted\" \\ / \b\f\n\r\t", "\u0001\u001f\u007f"]),
    ({"type": "array"}, [[], [1, "a", None], [[[]]]]),
    ({"type": "object"}, [{}, {"a": 1}, {"": {"é": []}}]),
    ({"type": ["string", "null"]}, ["a", None]),
    ({"type": ["integer", "boolean", "array"]}, [3, True, [1.5]]),
    ({"type": ["number", "integer"]}, [3, 3.25]),
    # listed values
    ({"enum": ["red", "green", "blue"]}, ["red", "green", "blue"]),
    ({"enum": [1, "1", None, True, 2.5, [1, 2], {"a": {"b": []}}]}, [1, "1", None, True, 2.5, [1, 2], {"a": {"b": []}}]),
    ({"const": "only"}, ["only"]),
    ({"const": {"a": [1, {"b": None}], "c": "\n"}}, [{"a": [1, {"b": None}], "c": "\n"}]),
    ({"type": "string", "enum": ["a", 1, "b"]}, ["a", "b"]),
    ({"enum": [1, 5, 10, 50], "minimum": 4, "maximum": 20}, [5, 10]),
    ({"enum": ["a", "bb", "ccc"], "minLength": 2}, ["bb", "ccc"]),
    ({"enum": ["ab", "b", "cb"], "pattern": "^.b$"}, ["ab", "cb"]),
    ({"allOf": [{"enum": [1, 2, 3]}, {"enum": [2, 3, 4]}]}, [2, 3]),
    ({"enum": ["ünïcode", "tab\there", "\"", "\u0000"]}, ["ünïcode", "tab\there", "\"", "\u0000"]),
    ({"enum": [{"k": 1}, {"k": "x"}], "properties": {"k": {"type": "string"}}}, [{"k": "x"}]),
    # integers
    (integer(minimum=0), [0, 1, 10**20]),
    (integer(minimum=1, maximum=10), list(range(1, 11))),
    (integer(minimum=-17, maximum=205), [-17, -10, -9, -1, 0, 1, 99, 100, 199, 205]),
    (integer(exclusiveMinimum=3, exclusiveMaximum=6), [4, 5]),
    (integer(minimum=-100, maximum=-20), [-100, -99, -21, -20]),
    (integer(maximum=-1), [-1, -5000]),
    (integer(minimum=1.5, maximum=4.5), [2, 3, 4]),
    (integer(exclusiveMinimum=-3.5, exclusiveMaximum=0), [-3, -1]),
    (integer(minimum=0, maximum=18446744073709551615), [0, 18446744073709551615, 9999999999999999999]),
    (integer(multipleOf=7), [0, 7, -14, 700]),
    (integer(multipleOf=5, minimum=-20, maximum=100), [-20, -5, 0, 95, 100]),
    (number(multipleOf=2), [4, -10]),
    ({"type": "integer", "minimum": 5, "exclusiveMinimum": True, "$schema": "http://json-schema.org/draft-04/schema#"}, [6, 77]),
    # numbers
    (number(minimum=0), [0, 0.5, 3.14159, 1234.0]),
    (number(minimum=0, maximum=1), [0, 1, 0.25, 0.999, 1.0, 0.0]),
    (number(exclusiveMinimum=0, exclusiveMaximum=1), [0.5, 0.001, 0.999]),
    (number(minimum=-1.5, maximum=2.25), [-1.5, -1, 0, 2.25, 2.2, -0.75, 1.9]),
    (number(minimum=-273.15), [-273.15, 0, 20.5, -273]),
    (number(maximum=-0.5), [-0.5, -1, -100.25]),
    (number(exclusiveMaximum=100), [99.99, -5, 0]),
    (number(minimum=10.05, maximum=10.5), [10.05, 10.1, 10.5, 10.25]),
    # strings
    (string(minLength=2, maxLength=4), ["ab", "abc", "ab\"c", "漢字🙂"]),
    (string(maxLength=0), [""]),
    (string(minLength=3), ["abc", "\\\\\\", "a long string indeed"]),
    (string(pattern="^[a-z]+$"), ["a", "hello"]),
    (string(pattern="^\\d{3}-\\d{4}$"), ["555-1234"]),
    (string(pattern="ab+c"), ["abc", "xxabbbcyy"]),
    (string(pattern="^(foo|bar)?$"), ["", "foo", "bar"]),
    (string(pattern="^[A-Z][a-z]*( [A-Z][a-z]*)*$"), ["Ada", "Ada Lovelace", "A B C"]),
    (string(pattern="^[^\"\\\\]*$"), ["", "plain text", "it's"]),
    (string(pattern="^\"[^\"]*\"$"), ["\"quoted\"", "\"\""]),
    (string(pattern="^a|b$"), ["axx", "xxb", "a", "b"]),
    (string(pattern="^(a+)+$"), ["a", "aaaa"]),
    (string(pattern="^\\S+@\\S+$"), ["a@b", "x.y@z"]),
    (string(pattern="^[\\u00e0-\\u00ff]{2}\\.$"), ["éà."]),
    (string(pattern="^.{0,5}$"), ["", "abcde", "é🙂"]),
    (string(pattern="^[a-z]+$", minLength=2, maxLength=5), ["ab", "abcde"]),
    (string(pattern="^#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?$"), ["#00ffAA", "#12345678"]),
    ({"allOf": [string(pattern="^a"), {"pattern": "z$"}, {"maxLength": 4}]}, ["az", "abcz"]),
    (string(pattern="^(?:[01]\\d|2[0-3]):[0-5]\\d$"), ["00:00", "23:59"]),
    (string(pattern=""), ["", "anything"]),
    (string(format="date"), ["2024-02-29", "1999-12-31", "2000-02-29", "0001-01-01"]),
    (string(format="time"), ["23:59:59Z", "00:00:00.25+01:00"]),
    (string(format="date-time"), ["2024-05-06T07:08:09Z", "1985-04-12T23:20:50.52-08:00"]),
    (string(format="uuid"), ["123e4567-e89b-12d3-a456-426614174000"]),
    (string(format="email"), ["a@example.com", "first.last+tag@sub.example.org"]),
    (string(format="ipv4"), ["0.0.0.0", "255.255.255.255", "192.168.1.10"]),
    (string(format="ipv6"), ["::", "::1", "2001:db8::8a2e:370:7334", "1:2:3:4:5:6:7:8", "fe80::"]),
    (string(format="hostname"), ["example.com", "a-b.c"]),
    (string(format="uri"), ["https://example.com/a/b?c=d#e", "mailto:a@b.c", "http://u@h:80/%20"]),
    (string(format="date", pattern="^20"), ["2024-01-31"]),
    (string(format="duration"), ["P1Y2M3D", "PT5M", "P2W", "P1DT12H"]),
    # arrays
    (array({"type": "integer"}), [[], [1], [1, -2, 3]]),
    (array({"type": "boolean"}, minItems=1), [[True], [False, True]]),
    (array({"type": "string"}, maxItems=2), [[], ["a"], ["a", "b"]]),
    (array({"type": "null"}, minItems=2, maxItems=3), [[None, None], [None, None, None]]),
    (array(array({"type": "integer"}, minItems=2, maxItems=2)), [[], [[1, 2]], [[1, 2], [3, 4]]]),
    ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]}, [[], ["a"], ["a", 1], ["a", 1, None]]),
    ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": False}, [[], ["a"], ["a", 1]]),
    ({"type": "array", "prefixItems": [{"const": 1}], "items": {"const": 2}, "minItems": 3}, [[1, 2, 2], [1, 2, 2, 2]]),
    ({"type": "array", "prefixItems": [{"const": 1}, {"const": 2}], "minItems": 1, "maxItems": 1}, [[1]]),
    ({"$schema": "http://json-schema.org/draft-07/schema#", "type": "array", "items": [{"type": "integer"}], "additionalItems": {"type": "string"}}, [[], [1], [1, "a", "b"]]),
    (array({}, maxItems=0), [[]]),
    (array(False), [[]]),
    (array({"enum": [1, 2]}, maxItems=1, uniqueItems=True), [[], [1]]),
    ({"allOf": [array({"minimum": 0}), array({"type": "integer", "maximum": 9}, maxItems=2)]}, [[], [0], [9, 5]]),
    ({"type": "array", "items": {"type": ["integer", "array"], "items": {"type": "boolean"}}}, [[1, [True]], [[]]]),
    # objects
    (POINT, [{"x": 1, "y": 2.5}]),
    (PERSON, [{"name": "Ada"}, {"name": "Ada", "age": 36}, {"name": "Ada", "age": 36, "email": "a@b.org"}, {"name": "Ada", "zip": 5}]),
    (obj({"a": {"type": "integer"}, "b": {"type": "integer"}, "c": {"type": "integer"}}, **CLOSED), [{}, {"a": 1}, {"b": 2}, {"a": 1, "c": 3}, {"a": 1, "b": 2, "c": 3}]),
    (obj({"a": {"type": "integer"}, "b": {"type": "integer"}}, "b", **CLOSED), [{"b": 1}, {"a": 0, "b": 1}]),
    (obj({"a": {}}, "a", "z", additionalProperties={"type": "integer"}), [{"a": "x", "z": 1}, {"a": None, "z": 1, "more": 2}]),
    (obj({"a": {"type": "integer"}}, additionalProperties={"type": "boolean"}), [{}, {"a": 1}, {"a": 1, "b": True}, {"ab": False, "": True}]),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, [{}, {"x": 1}, {"x": 1, "y": 2}]),
    ({"type": "object", "additionalProperties": {"type": "integer"}, "minProperties": 1}, [{"x": 1}, {"x": 1, "y": 2}]),
    ({"type": "object", "additionalProperties": {"type": "integer"}, "maxProperties": 2}, [{}, {"x": 1}, {"x": 1, "y": 2}]),
    (obj({k: {"type": "integer"} for k in "abcd"}, minProperties=2, maxProperties=3, **CLOSED), [{"a": 1, "b": 1}, {"b": 1, "c": 1, "d": 1}]),
    (obj({"a": {"type": "integer"}}, "a", minProperties=2), [{"a": 1, "b": 2}]),
    ({"type": "object", "propertyNames": {"pattern": "^[a-z]{1,3}$"}}, [{}, {"a": 1, "xyz": []}]),
    ({"type": "object", "propertyNames": {"enum": ["red", "green"]}, "additionalProperties": {"type": "integer"}}, [{}, {"red": 1}, {"red": 1, "green": 2}, {"green": 2}]),
    ({"type": "object", "propertyNames": {"$ref": "#/$defs/C"}, "$defs": {"C": {"enum": ["a", "b", 7], "type": "string"}}, "minProperties": 1}, [{"a": []}, {"b": None}, {"a": 1, "b": 2}]),
    ({"type": "object", "propertyNames": {"const": "only"}}, [{}, {"only": 1}]),
    ({"type": "object", "propertyNames": {"anyOf": [{"const": "a"}, {"enum": ["b", "c"]}]}, "maxProperties": 2}, [{}, {"a": 1}, {"b": 1, "c": 2}]),
    ({"type": "object", "propertyNames": {"anyOf": [{"const": "a"}, {"pattern": "^x"}]}}, [{}, {"a": 1}, {"xy": 1}]),
    ({"type": "object", "propertyNames": {"enum": ["aa", "b", "xyz"], "maxLength": 2}, "patternProperties": {"^a": {"type": "integer"}}}, [{}, {"aa": 1, "b": "free"}]),
    ({"type": "object", "propertyNames": {"enum": ["id", "name"]}, "required": ["id"], "properties": {"id": {"type": "integer"}, "gone": True}}, [{"id": 1}, {"id": 1, "name": 2}]),
    ({"allOf": [{"propertyNames": {"enum": ["a", "b"]}}, {"propertyNames": {"enum": ["b", "c"]}}], "type": "object"}, [{}, {"b": 1}]),
    ({"enum": list(range(20000))}, [0, 7, 19999]),
    ({"enum": ["w" * (i % 50) + str(i) for i in range(3000)]}, ["0", "w" * 49 + "2999"]),
    ({"anyOf": [{"const": f"{i:03}"} for i in range(300)]}, ["000", "299"]),
    ({"type": "object", "propertyNames": {"maxLength": 2}, "properties": {"ok": {"type": "integer"}, "long": {"type": "integer"}}}, [{}, {"ok": 1}, {"ok": 1, "z": "free"}]),
    ({"type": "object", "patternProperties": {"^s_": {"type": "string"}, "^i_": {"type": "integer"}}, "additionalProperties": False}, [{}, {"s_a": "x"}, {"i_b": 1, "s_c": ""}]),
    ({"type": "object", "properties": {"s_x": {"minLength": 2}}, "patternProperties": {"^s_": {"type": "string"}}}, [{"s_x": "ab"}, {"s_y": "", "other": 1}]),
    ({"type": "object", "patternProperties": {"a": {"type": "integer"}, "b": {"minimum": 5}}, "additionalProperties": {"type": "null"}}, [{"a": 1}, {"b": "x"}, {"ab": 7}, {"c": None}]),
    (obj({"quo\"te": {"type": "integer"}, "new\nline": {"type": "integer"}, "é": {}}, "quo\"te"), [{"quo\"te": 1}, {"quo\"te": 1, "new\nline": 2, "é": 3}]),
    (obj({"no": False, "yes": True}), [{}, {"yes": 1}]),
    (obj({"a": obj({"b": obj({"c": {"type": "null"}}, "c", **CLOSED)}, "b", **CLOSED)}, "a", **CLOSED), [{"a": {"b": {"c": None}}}]),
    ({"type": "object", "maxProperties": 0}, [{}]),
    ({"properties": {"a": {"type": "integer"}}}, [{"a": 1}, [], "x", 5, None]),
    # combinations
    ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, ["a", 1]),
    ({"anyOf": [{"minimum": 5}, {"type": "string"}], "type": ["integer", "string"]}, [5, "x"]),
    ({"anyOf": [POINT, {"type": "null"}]}, [{"x": 0, "y": 0}, None]),
    ({"anyOf": [{"anyOf": [{"const": 1}, {"const": 2}]}, {"const": 3}]}, [1, 2, 3]),
    ({"anyOf": [{"maxLength": 2}, {"pattern": "z$"}], "allOf": [{"anyOf": [{"pattern": "^a"}, {"pattern": "^b"}]}], "type": "string"}, ["a", "bz", "axxxz"]),
    ({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}, ["a", ["a", "b"]]),
    ({"oneOf": [{"type": "integer", "maximum": 0}, {"type": "integer", "minimum": 10}]}, [-5, 0, 10]),
    ({"oneOf": [{"const": "a"}, {"const": "b"}, {"type": "string", "pattern": "^c"}]}, ["a", "b", "cc"]),
    (CALL, [{"tool": "search", "query": "q"}, {"tool": "open", "page": 3}]),
    ({"oneOf": [obj({"a": {"type": "integer"}}, "a", **CLOSED), obj({"b": {"type": "integer"}}, "b", **CLOSED)]}, [{"a": 1}, {"b": 2}]),
    ({"allOf": [obj({"a": {"type": "integer"}}, "a"), obj({"b": {"type": "string"}}, "b")]}, [{"a": 1, "b": "x"}, {"a": 1, "b": "x", "c": None}]),
    ({"allOf": [{"type": ["integer", "string"]}, {"type": ["string", "null"]}]}, ["x"]),
    ({"allOf": [{"properties": {"a": {"minimum": 0}}}, {"properties": {"a": {"maximum": 9}}}], "type": "object", "properties": {"a": {"type": "integer"}}}, [{}, {"a": 5}, {"b": -1}]),
    ({"allOf": [obj({"a": {}}, "a"), {"additionalProperties": {"type": "integer"}}]}, [{"a": 1}, {"a": 1, "b": 2}]),
    # references
    (TREE, [{"value": 1}, {"value": 1, "children": []}, {"value": 1, "children": [{"value": 2}, {"value": 3, "children": [{"value": 4}]}]}]),
    (LIST, [None, {"head": 1, "tail": None}, {"head": 1, "tail": {"head": 2, "tail": None}}]),
    ({"$defs": {"p": POINT}, "type": "array", "items": {"$ref": "#/$defs/p"}}, [[], [{"x": 1, "y": 2}]]),
    ({"definitions": {"a/b": {"type": "integer"}, "c~d": {"$ref": "#/definitions/a~1b"}}, "$ref": "#/definitions/c~0d"}, [4]),
    ({"$defs": {"n": {"$anchor": "num", "type": "integer"}}, "items": {"$ref": "#num"}, "type": "array"}, [[], [1, 2]]),
    ({"$defs": {"short": {"maxLength": 3}}, "$ref": "#/$defs/short", "type": "string"}, ["abc", ""]),
    ({"type": "object", "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}, "n": {"type": "integer"}}, "additionalProperties": False}, [{}, {"left": {"n": 1}, "right": {"left": {}}, "n": 2}]),
    ({"$id": "https://example.com/s", "$defs": {"x": {"type": "null"}}, "items": {"$ref": "https://example.com/s#/$defs/x"}, "type": "array"}, [[None]]),
    # as found in use
    (obj({"answer": {"type": "string"}, "confidence": number(minimum=0, maximum=1), "sources": array(string(format="uri"), maxItems=3)}, "answer", "confidence", **CLOSED), [{"answer": "42", "confidence": 0.9}, {"answer": "42", "confidence": 1, "sources": ["https://a.org/"]}]),
    (obj({"steps": array(obj({"explanation": {"type": "string"}, "output": {"type": "string"}}, "explanation", "output", **CLOSED)), "final": {"type": "string"}}, "steps", "final", **CLOSED), [{"steps": [], "final": ""}, {"steps": [{"explanation": "a", "output": "b"}], "final": "c"}]),
    (obj({"id": integer(minimum=1), "tags": array(string(minLength=1), minItems=1), "status": {"enum": ["open", "closed"]}, "due": string(format="date")}, "id", "tags", "status"), [{"id": 1, "tags": ["a"], "status": "open"}, {"id": 2, "tags": ["a", "b"], "status": "closed", "due": "2024-01-01"}]),
    (obj({"city": {"type": "string", "title": "City", "description": "where", "default": "Bern", "examples": ["Bern"]}, "unit": {"type": "string", "enum": ["C", "F"]}}, "city", **CLOSED), [{"city": "Bern"}, {"city": "Bern", "unit": "C"}]),
    ({"type": "array", "items": {"oneOf": [obj({"type": {"const": "text"}, "text": {"type": "string"}}, "type", "text"), obj({"type": {"const": "image"}, "url": {"type": "string"}}, "type", "url")]}}, [[{"type": "text", "text": "hi"}, {"type": "image", "url": "u"}]]),
    (obj({"matrix": array(array(number(), minItems=3, maxItems=3), minItems=2, maxItems=2)}, "matrix", **CLOSED), [{"matrix": [[1, 2, 3], [4.5, 5, 6]]}]),
    (obj({"first": {"type": ["string", "null"]}, "last": {"anyOf": [{"type": "string", "maxLength": 5}, {"type": "null"}]}}, "first", "last", **CLOSED), [{"first": None, "last": "Ng"}, {"first": "Al", "last": None}]),
]

# (schema, what the message must name)
REFUSED = [
    (False, "no value"),
    ("text", "not a JSON schema"),
    ({"type": "strnig"}, "#/type"),
    ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "no value"),
    ({"properties": {"a": {"not": {"type": "string"}}}}, "#/properties/a/not"),
    ({"if": {"type": "string"}, "then": {"minLength": 1}}, "#/if"),
    ({"type": "array", "contains": {"const": 1}}, "#/contains"),
    ({"type": "array", "uniqueItems": True}, "#/uniqueItems"),
    ({"type": "object", "dependentRequired": {"a": ["b"]}}, "#/dependentRequired"),
    ({"type": "object", "unevaluatedProperties": False}, "#/unevaluatedProperties"),
    ({"type": "number", "multipleOf": 0.01}, "#/multipleOf"),
    ({"type": "string", "format": "regex"}, "#/format"),
    ({"type": "object", "minProperties": 3}, "#/minProperties"),
    ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "#/oneOf"),
    ({"oneOf": [{"type": "object"}, {"type": "object", "properties": {"a": {}}}]}, "#/oneOf"),
    ({"items": {"$ref": "http://example.com/schema"}}, "#/items/$ref"),
    ({"items": {"$ref": "file:///etc/passwd"}}, "#/items/$ref"),
    ({"$ref": "#/$defs/none"}, "#/$ref"),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}, "refers to itself"),
    ({"$ref": "#"}, "refers to itself"),
    ({"anyOf": [{"$ref": "#"}, {"type": "null"}]}, "its own alternative"),
    ({"required": "a"}, "#/required"),
    ({"type": "string", "minLength": -1}, "#/minLength"),
    ({"type": "integer", "minimum": "5"}, "#/minimum"),
    ({"properties": [1]}, "#/properties"),
    ({"enum": 5}, "#/enum"),
    ({"anyOf": []}, "#/anyOf"),
    ({"type": "object", "required": ["a"], "properties": {"a": False}}, "no value"),
    ({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "no value"),
    ({"type": "object", "propertyNames": {"enum": ["a"]}, "required": ["b"]}, 'the required member "b" is not allowed'),
    ({"type": "object", "propertyNames": {"type": "integer"}, "minProperties": 1}, "no value"),
    ({"type": "object", "propertyNames": {"oneOf": [{"const": "a"}, {"pattern": "b"}]}}, "#/propertyNames/oneOf"),
    ({"type": "object", "propertyNames": {"enum": "a"}}, "#/propertyNames/enum"),
    ({"anyOf": [{"type": "object", "required": [f"{i}"]} for i in range(9000)]}, "too many alternatives"),
    ({"type": "array", "minItems": 2000000000}, "#/minItems"),
    ({"type": "string", "pattern": "^+a$"}, "repetition of nothing"),
    ({"type": "string", "pattern": "^{2}x$"}, "repetition of nothing"),
    ({"type": "string", "pattern": "(?<=x)*"}, "lookaround"),
    ({"type": "string", "pattern": "(a)\\1"}, "\\1"),
    ({"type": "string", "pattern": "\\bword"}, "\\b"),
    ({"type": "string", "pattern": "(" * 100000 + ")" * 100000}, "nest too deeply"),
    ({"type": "string", "pattern": "a{1,1000000000}"}, "too large"),
    ({"type": "string", "pattern": "a{100}{100}{100}"}, "repetition of a repetition"),
    ({"type": "string", "pattern": "((a{1000}){1000}){1000}"}, "too large"),
    ({"type": "string", "pattern": "(){1000000000}"}, "too large"),
    ({"type": "string", "pattern": "^(a|b)*a(a|b){30}$"}, "too large"),
    ({"type": "string", "pattern": "^[a-z]+$", "maxLength": 900000000}, "too large"),
    ({"type": "object", "properties": {f"p{i}": {} for i in range(100000)}}, "too large"),
    ({"type": "object", "properties": {f"p{i}": {} for i in range(600)}}, "too many members"),
    ({"type": "object", "maxProperties": 900000000}, "too many members"),
    ({"allOf": [{"anyOf": [{"minimum": i}, {"maximum": -i}, {"minLength": i}]} for i in range(20)]}, "too large"),
    ({"$ref": "#/$defs/d0", "$defs": {**{f"d{i}": {"$ref": f"#/$defs/d{i + 1}"} for i in range(1000)}, "d1000": {}}}, "too long"),
    ({**{f"k{i}": 0 for i in range(100000)}}, "too large"),
]
# Texts that are no JSON, or too much of it.
REFUSED_TEXTS = [('{"const": [18446744073709551616]}', "64 bits"), ('{"minimum": -9223372036854775809}', "64 bits"), ("", "not JSON"), ("{", "not JSON"), ("[1,]", "not JSON"), ('{"a":' * 5000 + "1" + "}" * 5000, "too deeply"), ("[" * 1000000, "too deeply"), (b"\xff{}", "not JSON")]
