"""records.py - valid and invalid records, with the reason why each invalid one is rejected."""

# The names of reasons never change, so these tests spell them out.
BAD = {
    "truncated": [b'{"a":1', b"{", b'{"a":', b'{"a":"unended', b'{"a":[1,2', b'{"a":tr', b'{"a":"\\'],
    "trailing": [b'{"a":1} x', b'{"a":1}{"b":2}', b'{"a":1},', b'{"a":1}]'],
    "bad_number": [b'{"a":01}', b'{"a":-}', b'{"a":-01}', b'{"a":2.}', b'{"a":1e}', b'{"a":1e+}', b'{"a":0x10}'],
    "bad_escape": [b'{"a":"\\x41"}', b'{"a":"\\u12"}', b'{"a":"\\u12G4"}', b'{"a":"\\\'"}', b'{"a":"\\U0041"}'],
    "control_character": [b'{"a":"\x01"}', b'{"a":"tab\there"}', b'{"a":"\x1f"}', b'{"a":"nul\x00"}', b'{"a":"cr\rhere"}'],
    "bad_utf8": [
        b'{"a":"\xff"}',
        b'{"a":"\x80"}',
        b'{"a":"\xc3"}',
        b'{"a":"\xc0\xaf"}',  # overlong
        b'{"a":"\xe0\x80\xaf"}',  # overlong
        b'{"a":"\xf0\x80\x80\xaf"}',  # overlong
        b'{"a":"\xed\xa0\x80"}',  # a surrogate
        b'{"a":"\xf4\x90\x80\x80"}',  # above U+10FFFF
        b'{"a":"\xf8\x88\x80\x80\x80"}',
    ],
    "bad_literal": [b'{"a":nul}', b'{"a":True}', b'{"a":truth}'],
    "unexpected": [b'{"a" 1}', b"{a:1}", b"{'a':1}", b'{"a":1,}', b'{,}', b'{"a":[1,]}', b'{"a":NaN}', b'{"a":Infinity}',
                   b'{"a":+1}', b'{"a":.5}', b'{"a":\x00}', b'{"a":1\x00}', b'\xef\xbb\xbf{"a":1}', b'{"a":1 /* c */}'],
    "not_object": [b"[1,2]", b'"text"', b"12", b"true", b"null"],
    "too_deep": [b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", b'{"a":' * 300 + b"1" + b"}" * 300],
}
# Where two reasons apply, either is accepted.
ALSO = {
    b'{"a":tr': {"bad_literal"},
    b'{"a":nul}': {"unexpected"},
    b'{"a":True}': {"unexpected"},
    b'{"a":NaN}': {"bad_literal"},
    b'{"a":Infinity}': {"bad_literal"},
    b'{"a":+1}': {"bad_number"},
    b'{"a":.5}': {"bad_number"},
    b'{"a":\x00}': {"control_character"},
    b'{"a":1\x00}': {"control_character"},
    b'{"a":0x10}': {"unexpected"},
    b'{"a":01}': {"unexpected"},
    b'{"a":-01}': {"unexpected"},
    b'\xef\xbb\xbf{"a":1}': {"not_object", "bad_utf8"},
    b'{"a":"\xc3"}': {"truncated"},
}
GOOD = [
    b"{}",
    b'{"a":"\\ud800"}',  # a lone surrogate, escaped: legal syntax
    b'{"a":"\\udfff\\ud800"}',
    b'{"a":"\\u0000"}',
    b'{"a":1,"a":2}',  # duplicate names are legal
    b'{"":""}',
    b'{"a":-0,"b":-0.0e-10,"c":1E400,"d":123456789012345678901234567890.5}',
    b'{"a":"\x7f"}',
    '{"a":"\u2028 \ufeff \U0010ffff \uffff"}'.encode(),
    b'{"a":' + b"[" * 200 + b"]" * 200 + b"}",
    b'{ "a" : [ 1 , 2 ] ,\t"b" : { } }',
]
