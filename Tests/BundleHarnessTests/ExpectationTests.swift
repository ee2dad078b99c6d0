// Evaluating expectations.

import BundleHarness
import Testing

struct ExpectationTests {
    private func complaints(
        _ expectation: JSONValue, _ value: JSONValue?, other: @escaping (String) -> JSONValue? = { _ in nil }
    ) throws -> [String] {
        try Expectation(expectation, at: "expect").complaints(about: value, Judgement(place: "x", other: other))
    }

    @Test(
        arguments: [
            (5, 5), ("a", "a"), ([1, 2], [1, 2]), (["contains": "b"], "abc"),
            (["contains": ["a", "c"]], ["c", "b", "a"]),
            (["contains": ["k"]], ["k": 1]), (["lacks": "d"], "abc"), (["lacks": ["d", "e"]], ["a"]),
            (["matches": "^a.c$"], "abc"), (["matches": "^4"], 42), (["atLeast": 3], 3), (["atMost": .double(3.5)], 3),
            (["count": 2], ["a", "b"]), (["oneOf": ["a", 7]], 7), (["not": 0], 1), (["not": ["contains": "z"]], "abc"),
            (["atLeast": 1, "atMost": 5], 3), (["a": 1, "b": ["contains": "x"]], ["a": 1, "b": "xyz", "c": 9]),
            (["equals": ["equals": 1]], ["equals": 1]), (nil, nil),
        ] as [(JSONValue, JSONValue)])
    func `an expected value causes no complaint`(expectation: JSONValue, value: JSONValue) throws {
        #expect(try complaints(expectation, value) == [])
    }

    @Test(
        arguments: [
            (5, 6, "x: expected 5, found 6"), ("a", 5, #"x: expected "a", found 5"#),
            (["contains": ["a", "z"]], ["a"], #"x: expected something with "a", "z", found ["a"]"#),
            (["lacks": "b"], "abc", #"x: expected something without "b", found "abc""#),
            (["matches": "^b"], "abc", #"x: expected a match of /^b/, found "abc""#),
            (["atLeast": 3], 2, "x: expected at least 3, found 2"),
            (["atMost": 3], "3", #"x: expected at most 3, found "3""#),
            (["count": 2], ["a"], #"x: expected 2 of them, found ["a"]"#),
            (["oneOf": [1, 2]], 3, "x: expected one of 1, 2, found 3"),
            (["not": 0], 0, "x: expected not 0, found 0"), (["absent": true], 1, "x: expected nothing, found 1"),
            (["a": 1], ["a": 2], "x.a: expected 1, found 2"), (["a": 1], 5, "x.a: expected 1, found nothing"),
        ] as [(JSONValue, JSONValue, String)])
    func `an unexpected value causes a complaint with both values`(
        expectation: JSONValue, value: JSONValue, complaint: String
    ) throws {
        #expect(try complaints(expectation, value) == [complaint])
    }

    @Test func `a missing value is accepted only if it is expected`() throws {
        #expect(try complaints(["absent": true], nil) == [])
        #expect(try complaints(["absent": false], nil) == ["x: expected a value, found nothing"])
        #expect(try complaints(["lacks": "a"], nil) == [#"x: expected something without "a", found nothing"#])
    }

    @Test func `a value can be compared with the same place of another observation`() throws {
        let other: (String) -> JSONValue? = { $0 == "host" ? ["net": "net:[1]"] : nil }
        #expect(try complaints(["net": ["sameAs": "host"]], ["net": "net:[1]"], other: other) == [])
        #expect(try complaints(["net": ["differsFrom": "host"]], ["net": "net:[2]"], other: other) == [])
        #expect(
            try complaints(["net": ["differsFrom": "host"]], ["net": "net:[1]"], other: other) == [
                #"x.net: expected another than host, found "net:[1]""#
            ])
        // Two observations without a value at the place prove nothing.
        #expect(
            try complaints(["differsFrom": "nobody"], "a", other: other) == [
                #"x: expected another than nobody, found "a""#
            ])
    }

    @Test(
        arguments: [
            (["contains": 1, "colour": 2], "expect.colour: unknown word beside contains"),
            (["matches": "("], "expect.matches: not a regular expression"),
            (["matches": 5], "expect.matches: expected a regular expression, found an integer"),
            (["atLeast": "a"], "expect.atLeast: expected a number, found a string"),
            (["a": ["count": "x"]], "expect.a.count: expected an integer of 0 or more, found a string"),
            (["oneOf": 1], "expect.oneOf: expected an array, found an integer"),
            (["absent": 1], "expect.absent: expected a boolean, found an integer"),
            (["sameAs": 1], "expect.sameAs: expected the name of an observation, found an integer"),
        ] as [(JSONValue, String)])
    func `a malformed expectation is refused with its key`(expectation: JSONValue, message: String) {
        #expect(throws: CaseError(message)) { try Expectation(expectation, at: "expect") }
    }
}
