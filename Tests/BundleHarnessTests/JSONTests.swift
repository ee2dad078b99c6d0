// Reading and writing JSON.

import BundleHarness
import Testing

struct JSONTests {
    @Test func `every kind of value is read`() throws {
        let text = #"{"a": [1, -2, 18446744073709551615, 1.5, true, null], "b": {"c": "é\n\u0041\ud83d\ude00"}}"#
        let expected: JSONValue = [
            "a": [1, -2, .unsigned(.max), .double(1.5), true, nil], "b": ["c": "é\nA😀"],
        ]
        #expect(try JSONValue(parsing: text) == expected)
    }

    @Test(
        arguments: [
            ("{", 1, "expected a key in double quotes"),
            ("[1,\n2", 2, "expected a comma or ] in an array"),
            ("{\n\"a\": 1,\n\"a\": 2}", 3, "the key \"a\" appears twice"),
            ("[1] 2", 1, "unexpected text after the value"),
            ("{\"a\" 1}", 1, "expected a colon after \"a\""),
            ("\"abc", 1, "the text ends inside a string"),
            ("[tru]", 1, "unexpected character \"t\""),
            ("", 1, "the text ends where a value is expected"),
            ("\"\\ud800\"", 1, "a lone surrogate in a string"),
            ("1.2.3", 1, "malformed number 1.2.3"),
        ])
    func `malformed JSON is refused with its line`(text: String, line: Int, problem: String) {
        let error = #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: text) }
        #expect(error?.line == line)
        #expect(error?.problem == problem)
    }

    @Test func `endless nesting is refused, not followed`() {
        let error = #expect(throws: JSONSyntaxError.self) {
            try JSONValue(parsing: String(repeating: "[", count: 100_000))
        }
        #expect(error?.problem == "nested deeper than 200 levels")
    }

    @Test func `keys are written in order, and control characters escaped`() {
        let value: JSONValue = ["b": [1, "x\u{1}\"\\\n"], "a": nil, "empty": [], "none": .object([:])]
        #expect(value.text == #"{"a":null,"b":[1,"x\u0001\"\\\n"],"empty":[],"none":{}}"#)
        #expect(
            value.prettyText == """
                {
                  "a": null,
                  "b": [
                    1,
                    "x\\u0001\\"\\\\\\n"
                  ],
                  "empty": [],
                  "none": {}
                }
                """)
    }

    @Test(
        arguments: [
            ("user.uid", ["user", "uid"]), ("mounts[/dev/pts].options", ["mounts", "/dev/pts", "options"]),
            ("groups[0]", ["groups", "0"]), ("[a.b][c]", ["a.b", "c"]),
        ])
    func `a path names its keys`(text: String, keys: [String]) throws {
        #expect(try JSONPath(text).keys == keys)
    }

    @Test(arguments: [
        ("a[b", "a[b: a bracket is not closed"), ("a..b", "a..b: an empty key in a path"),
        ("", ": an empty key in a path"),
    ])
    func `a malformed path is refused`(text: String, message: String) {
        #expect(throws: CaseError(message)) { try JSONPath(text) }
    }

    @Test func `a path finds values in objects and arrays, or nothing`() throws {
        let root: JSONValue = ["a": [["b": 7]]]
        #expect(try JSONPath("a[0].b").value(in: root) == 7)
        #expect(try JSONPath("a[1].b").value(in: root) == nil)
        #expect(try JSONPath("a.b").value(in: root) == nil)
    }
}
