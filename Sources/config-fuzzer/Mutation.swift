// Changes a config: by bytes, and by JSON tokens, so that most results are still documents.

/// A generator of random numbers that are the same for the same seed (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }
}

/// A piece of JSON text.
struct Token: Hashable {
    enum Kind { case string, scalar, punctuation }
    var kind: Kind
    var bytes: [UInt8]
}

/// Splits a text into tokens; invalid JSON becomes scalars.
func tokens(of text: [UInt8]) -> [Token] {
    var result: [Token] = []
    var index = 0
    while index < text.count {
        let start = index
        switch text[index] {
        case 0x20, 0x09, 0x0a, 0x0d:
            index += 1
            continue
        case UInt8(ascii: "\""):
            index += 1
            while index < text.count, text[index] != UInt8(ascii: "\"") { index += text[index] == 0x5c ? 2 : 1 }
            index = min(index + 1, text.count)
            result.append(Token(kind: .string, bytes: Array(text[start..<index])))
        case UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ","),
            UInt8(ascii: ":"):
            index += 1
            result.append(Token(kind: .punctuation, bytes: [text[start]]))
        default:
            while index < text.count, !" \t\n\r\",:{}[]".utf8.contains(text[index]) { index += 1 }
            result.append(Token(kind: .scalar, bytes: Array(text[start..<index])))
        }
    }
    return result
}

/// Derives new configs from old ones.
struct Mutator {
    private let seeds: [[Token]]
    /// All strings and scalars of the seeds, and hostile ones.
    private let strings: [Token]
    private let scalars: [Token]
    var random: SeededGenerator

    private static let hostileStrings = [
        "", "/", "..", "/..", "../..", "//", ".", "a/b", "net.//.kernel.core_pattern", "0-65535", "0-", "-1",
        "4294967295", "1-0,5,,9", "ro", "rro", "rbind", "idmap", "=", "A=", "=A", "\\u0000", "\\ud800", "é\\n\\t",
        "SCMP_ACT_NOTIFY", "MPOL_BIND", "CAP_", "RLIMIT_", "/proc/1", "a:b:c", "1.0.0", "1.", "L3:0=f",
    ]
    private static let hostileScalars = [
        "0", "-1", "1", "4294967295", "4294967296", "2147483648", "-2147483649", "18446744073709551615",
        "18446744073709551616", "9223372036854775807", "-9223372036854775808", "1e3", "1.5", "1e400", "-0", "null",
        "true", "false", "{}", "[]", "[[[[]]]]", "{\"a\":{}}", "999", "1000", "65536",
    ]

    init(seeds: [[UInt8]], seed: UInt64) {
        self.seeds = seeds.map(tokens(of:))
        var strings = Set(Self.hostileStrings.map { Token(kind: .string, bytes: Array("\"\($0)\"".utf8)) })
        var scalars = Set(Self.hostileScalars.map { Token(kind: .scalar, bytes: Array($0.utf8)) })
        for token in self.seeds.joined() {
            if token.kind == .string { strings.insert(token) }
            if token.kind == .scalar { scalars.insert(token) }
        }
        // Sorted, because the order of a set differs from run to run.
        self.strings = strings.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        self.scalars = scalars.sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        random = SeededGenerator(seed: seed)
    }

    /// The next text.
    mutating func next() -> [UInt8] {
        guard var document = seeds.randomElement(using: &random) else { return [] }
        for _ in 0..<Int.random(in: 1...4, using: &random) { change(&document) }
        var text = Array(document.map(\.bytes).joined(separator: [0x20]))
        if Int.random(in: 0..<8, using: &random) == 0 { damage(&text) }
        return text
    }

    private mutating func change(_ document: inout [Token]) {
        guard !document.isEmpty else { return }
        let index = Int.random(in: document.indices, using: &random)
        switch Int.random(in: 0..<10, using: &random) {
        case 0...4: replace(index, in: &document)
        case 5: swapNames(&document)
        case 6: document.remove(at: index)
        case 7: repeatValue(from: index, in: &document)
        case 8: graft(at: index, in: &document)
        default: document.swapAt(index, Int.random(in: document.indices, using: &random))
        }
    }

    private mutating func replace(_ index: Int, in document: inout [Token]) {
        // A value is replaced rather than a bracket, because most wrong brackets cause the same error.
        let place = document[index...].firstIndex { $0.kind != .punctuation } ?? index
        let useString =
            document[place].kind == .string ? Int.random(in: 0..<8, using: &random) != 0 : Bool.random(using: &random)
        if let token = (useString ? strings : scalars).randomElement(using: &random) { document[place] = token }
    }

    private mutating func swapNames(_ document: inout [Token]) {
        let places = document.indices.filter { document[$0].kind == .string }
        guard let one = places.randomElement(using: &random), let two = places.randomElement(using: &random) else {
            return
        }
        document.swapAt(one, two)
    }

    /// The end of the value that begins at a token.
    private func end(of start: Int, in document: [Token]) -> Int {
        var depth = 0
        for index in start..<document.count {
            switch document[index].bytes.first {
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
            if depth <= 0 { return index + 1 }
        }
        return document.count
    }

    private mutating func repeatValue(from start: Int, in document: inout [Token]) {
        let place = document[start...].firstIndex { $0.bytes == [UInt8(ascii: "[")] } ?? start
        guard place + 1 < document.count else { return }
        let value = Array(document[(place + 1)..<end(of: place + 1, in: document)])
        let times = Int.random(in: 1...3, using: &random)
        let comma = Token(kind: .punctuation, bytes: [UInt8(ascii: ",")])
        for _ in 0..<times { document.insert(contentsOf: value + [comma], at: place + 1) }
    }

    private mutating func graft(at index: Int, in document: inout [Token]) {
        guard let other = seeds.randomElement(using: &random), !other.isEmpty else { return }
        let from = Int.random(in: other.indices, using: &random)
        let value = other[from..<end(of: from, in: other)]
        document.replaceSubrange(index..<end(of: index, in: document), with: value)
    }

    private mutating func damage(_ text: inout [UInt8]) {
        for _ in 0..<Int.random(in: 1...3, using: &random) where !text.isEmpty {
            let index = Int.random(in: text.indices, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: text[index] = UInt8.random(in: 0...255, using: &random)
            case 1: text.remove(at: index)
            case 2: text.insert(UInt8.random(in: 0...255, using: &random), at: index)
            default: text.removeSubrange(index...)
            }
        }
    }
}
