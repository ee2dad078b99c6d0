// Reads the kernel's statistics files; a missing file counts as empty.

internal import CLinux
internal import Glibc
internal import Kernel

/// A directory with statistics: below /sys/fs/cgroup, or a saved copy for a test.
struct StatisticsFiles {
    /// The whole path of the directory.
    var path: String

    /// A file's content.
    func text(_ file: String) -> String? { try? readText("\(path)/\(file)") }

    /// The number in a file; `max` reads as `UInt64.max`.
    func number(_ file: String) -> UInt64? { text(file).flatMap(Self.number) }

    /// A number, `max`, or the negative number by which v1 means "none".
    static func number(_ text: some StringProtocol) -> UInt64? {
        let word = trimmed(String(text))
        if word == "max" { return .max }
        return UInt64(word) ?? (Int64(word) == nil ? nil : 0)
    }

    /// A file of names and numbers.
    func table(_ file: String) -> FlatKeyed? { text(file).map(FlatKeyed.init) }

    /// A file of numbers.
    func list(_ file: String) -> [UInt64] {
        (text(file) ?? "").split(whereSeparator: { $0.isWhitespace }).compactMap { UInt64($0) }
    }

    /// A pressure file; nil if the kernel does not measure pressure.
    func pressure(_ file: String) -> Pressure? {
        guard let text = text(file) else { return nil }
        var some = PressureLine(avg10: 0, avg60: 0, avg300: 0, total: 0)
        var full = some
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard let kind = words.first else { continue }
            var one = PressureLine(avg10: 0, avg60: 0, avg300: 0, total: 0)
            for (name, value) in Self.pairs(words.dropFirst()) {
                switch name {
                case "avg10": one.avg10 = Self.hundredths(value)
                case "avg60": one.avg60 = Self.hundredths(value)
                case "avg300": one.avg300 = Self.hundredths(value)
                case "total": one.total = UInt64(value) ?? 0
                default: continue
                }
            }
            if kind == "some" { some = one } else { full = one }
        }
        return Pressure(some: some, full: full)
    }

    /// `name=value` words.
    static func pairs(_ words: some Sequence<Substring>) -> [(Substring, Substring)] {
        words.compactMap { word in
            guard let equals = word.firstIndex(of: "=") else { return nil }
            return (word[..<equals], word[word.index(after: equals)...])
        }
    }

    /// A decimal number with two places, as the kernel prints loads.
    private static func hundredths(_ text: Substring) -> Double { strtod(String(text), nil) }

    /// A list such as `0-3,7`.
    static func ranges(_ text: String) -> [UInt16] {
        numbers(inList: text, below: mostNumbers).map { UInt16($0) }
    }

    /// The huge page sizes of the kernel, in the notation of the files: `2MB`.
    static func pageSizes(at path: String = "/sys/kernel/mm/hugepages") -> [String] {
        guard let directory = try? OwnedDescriptor.open(path, .directory),
            let names = try? subdirectories(of: directory).map({ $0.name })
        else { return [] }
        return names.compactMap { name in
            guard name.hasPrefix("hugepages-"), name.hasSuffix("kB") else { return nil }
            guard let kilobytes = UInt64(name.dropFirst("hugepages-".count).dropLast(2)) else { return nil }
            if kilobytes >= 1 << 20 { return "\(kilobytes >> 20)GB" }
            return kilobytes >= 1 << 10 ? "\(kilobytes >> 10)MB" : "\(kilobytes)KB"
        }.sorted()
    }
}
