// Output of foreign text: no character may move the cursor, reorder text or imitate a line of swiftrun.

import Kernel
import OCISpec
import Testing

struct PrintableTextTests {
    static let hidden: [(String, String, String)] = [
        ("\u{1b}[31m", #"\u{1b}[31m"#, #""\u001b[31m""#),
        ("a\nb\tc\rd", #"a\nb\tc\rd"#, #""a\nb\tc\rd""#),
        ("\u{0}\u{7}\u{8}", #"\u{0}\u{7}\u{8}"#, #""\u0000\u0007\u0008""#),
        ("\u{7f}", #"\u{7f}"#, #""\u007f""#),
        ("\u{80}\u{85}\u{9b}2J\u{9f}", #"\u{80}\u{85}\u{9b}2J\u{9f}"#, #""\u0080\u0085\u009b2J\u009f""#),
        ("\u{ad}\u{61c}\u{180e}", #"\u{ad}\u{61c}\u{180e}"#, #""\u00ad\u061c\u180e""#),
        ("\u{200b}\u{200e}\u{200f}", #"\u{200b}\u{200e}\u{200f}"#, #""\u200b\u200e\u200f""#),
        ("\u{2028}\u{2029}", #"\u{2028}\u{2029}"#, #""\u2028\u2029""#),
        ("\u{202a}\u{202e}x\u{202c}", #"\u{202a}\u{202e}x\u{202c}"#, #""\u202a\u202ex\u202c""#),
        ("\u{2060}\u{2066}\u{2069}", #"\u{2060}\u{2066}\u{2069}"#, #""\u2060\u2066\u2069""#),
        ("\u{feff}\u{fff9}", #"\u{feff}\u{fff9}"#, #""\ufeff\ufff9""#),
        ("\u{10ffe9}a\u{10ff80}", #"\xe9a\x80"#, #""\\xe9a\\x80""#),
        ("\r\n", #"\r\n"#, #""\r\n""#),
        ("\u{e0041}\u{1d173}", #"\u{e0041}\u{1d173}"#, #""\udb40\udc41\ud834\udd73""#),
    ]

    @Test("is escaped, for people and in JSON", arguments: hidden)
    func escaped(text: String, forPeople: String, inJSON: String) {
        #expect(text.printable == forPeople)
        #expect(text.quoted == inJSON)
        #expect("é\(text)".printable == "é" + forPeople)
    }

    /// A character that stands for a byte in swiftrun's strings stands for itself in documents of other programs, and
    /// in output made from them.
    @Test(
        "means itself in a document",
        arguments: [
            "\"\u{10ffff}\"", "\"a\u{10ff80}\u{10ffe9}é\"", #""\udbff\udfff""#, #""\uDBFF\uDFE9\\udbff""#,
            #""\\\udbff\udfe9""#, "\"\u{10ff7f}\u{10fffd}\"", #""\udbff\udf7f""#,
        ])
    func ownCharacters(document: String) throws {
        let text = try String(json: Array(document.utf8))
        let read = try #require(try? JSONDocument(Array(document.utf8), isOwn: true).decode(String.self))
        #expect(RawText.bytes(text) == read.utf8.map { CChar(bitPattern: $0) } + [0])
        #expect(try JSONDocument(Array(text.quoted.utf8), isOwn: true).decode(String.self) == read)
    }

    @Test("stays unchanged", arguments: ["", "plain", "a\\b \"c\"", "grüße", "日本語", "→ ✓", "𝄞 🙂"])
    func kept(text: String) { #expect(text.printable == text) }

    @Test func `no scalar of a category that does not show is left`() {
        for value in UInt32(0)...0x10ffff {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let hides: [Unicode.GeneralCategory] = [.control, .format, .lineSeparator, .paragraphSeparator]
            if hides.contains(scalar.properties.generalCategory) || scalar.properties.isDefaultIgnorableCodePoint {
                #expect(!scalar.isPrintable, "U+\(String(value, radix: 16))")
            }
        }
    }

    static let long = String(repeating: "v", count: 5000)
    static let cut = String(repeating: "v", count: 128) + "… (5000 bytes)"

    @Test(
        "a long value is cut in a message, and what stands around it stays",
        arguments: [
            ("short", "short"), ("unknown word \"\(long)\" (a hint)", "unknown word \"\(cut)\" (a hint)"),
            ("format: \(long) (a hint)", "format: \(cut) (a hint)"), (long, cut), ("\"\(long)", "\"\(cut)"),
            ("a\n\(long)\nb", "a\n\(cut)\nb"), ("\"a\" \(long) \"b\"", "\"a\" \(cut) \"b\""),
            (String(repeating: "words ", count: 1000), String(repeating: "words ", count: 1000)),
            (
                "\"" + String(repeating: "a b ", count: 1000) + "\"",
                "\"" + String(repeating: "a b ", count: 32) + "… (4000 bytes)\""
            ),
            (String(repeating: "€", count: 2000), String(repeating: "€", count: 42) + "… (6000 bytes)"),
            ("/" + String(repeating: "d/", count: 500) + "end", "/" + String(repeating: "d/", count: 500) + "end"),
        ])
    func longValues(text: String, expected: String) {
        #expect(text.withLongValuesCut == expected)
    }
}
