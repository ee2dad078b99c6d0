// One declarative table of options, for parsing, help, man pages and completions; getopt_long_only(3) does the parsing.

internal import CLinux
internal import Glibc

/// An option of the program or of one command.
struct Option: Sendable {
    /// Without dashes.
    let name: String
    var short: Character?
    /// The argument's name, or in lower case the words that it may be; nil for a switch.
    var argument: String?
    let help: String
    /// Taken for the sake of old callers, and not shown.
    var isHidden = false
    /// Whether each one that is given counts, not only the last.
    var isRepeatable = false

    static func value(_ name: String, _ short: Character? = nil, _ argument: String, _ help: String) -> Option {
        Option(name: name, short: short, argument: argument, help: help)
    }
    static func list(_ name: String, _ short: Character? = nil, _ argument: String, _ help: String) -> Option {
        Option(name: name, short: short, argument: argument, help: help + "; may be repeated", isRepeatable: true)
    }
    static func flag(_ name: String, _ short: Character? = nil, _ help: String) -> Option {
        Option(name: name, short: short, argument: nil, help: help)
    }
    static func hidden(_ name: String, _ short: Character? = nil, argument: String? = nil) -> Option {
        Option(name: name, short: short, argument: argument, help: "", isHidden: true)
    }
}

/// An error in the command line.
struct UsageError: Error {
    let message: String
    var showsHelp = true
}

/// The options that were given, and the arguments after them.
struct ParsedOptions {
    private var values: [(name: String, value: String)] = []
    private(set) var arguments: [String] = []

    /// Reads options: up to the first argument if a program's own options follow it, otherwise everywhere.
    /// - Parameter words: the words after the program's or the command's name.
    init(_ words: [String], _ table: [Option], stopsAtArgument: Bool = true) throws(UsageError) {
        // The first word is what getopt takes for the program's name.
        let vector = CStringVector(["swiftrun"] + words)
        var names: [clinux_option] = []
        var letters = stopsAtArgument ? "+:" : ":"
        let strings = CStringVector(
            table.flatMap { option in [option.name] + (option.short.map { [String($0)] } ?? []) })
        var position = 0
        for (index, option) in table.enumerated() {
            // A switch may be given as --flag=false.
            let kind: Int32 = option.argument == nil ? 2 : 1
            names.append(
                clinux_option(name: strings[position], has_argument: kind, flag: nil, value: Int32(index) + 256))
            position += 1
            guard let short = option.short else { continue }
            // Also as a long option, so that -b=DIR is that option, and not an abbreviation of another.
            names.append(
                clinux_option(name: strings[position], has_argument: kind, flag: nil, value: Int32(index) + 256))
            position += 1
            letters += String(short) + (option.argument == nil ? "" : ":")
        }
        names.append(clinux_option(name: nil, has_argument: 0, flag: nil, value: 0))
        clinux_getopt_reset(0)
        while true {
            let code = clinux_getopt_long_only(vector.count, vector.pointers, letters, names, nil)
            if code == -1 { break }
            // getopt reorders the words if options may stand anywhere.
            try take(code, table, vector.text(at: clinux_getopt_optind() - 1))
        }
        arguments = (clinux_getopt_optind()..<vector.count).map { vector.text(at: $0) }
    }

    private mutating func take(_ code: Int32, _ table: [Option], _ word: String) throws(UsageError) {
        let option: Option?
        switch code {
        case 63:  // "?"
            let name = spelled(word)
            throw UsageError(
                message: "flag provided but not defined: -\(name)\(Misspelling.ofOption(name, table))")
        case 58: throw UsageError(message: "flag needs an argument: \(word)")  // ":"
        case 256...: option = table[Int(code) - 256]
        default:
            let letter = Character(UnicodeScalar(UInt8(truncatingIfNeeded: code)))
            option = table.first { $0.short == letter }
        }
        guard let option else { throw UsageError(message: "flag provided but not defined: \(word)") }
        let value = clinux_getopt_optarg().map { String(cString: $0) }
        if option.argument == nil, let value, !["true", "false", "1", "0"].contains(value) {
            throw UsageError(message: "invalid boolean value \"\(value)\" for -\(option.name)")
        }
        values.append((option.name, value ?? "true"))
    }

    // An abbreviation of several options is refused like an unknown one.
    private func spelled(_ word: String) -> String {
        String(word.prefix { $0 != "=" }.drop { $0 == "-" })
    }

    func has(_ name: String) -> Bool {
        guard let last = values.last(where: { $0.name == name }) else { return false }
        return last.value != "false" && last.value != "0"
    }
    /// nil also for an empty value, as scripts pass one for what they do not want: runc's options begin as empty texts.
    func value(_ name: String) -> String? { given(name).flatMap { $0.isEmpty ? nil : $0 } }
    /// Also an empty value: of an option that runc reads as a number, or of which it knows each word.
    func given(_ name: String) -> String? { values.last { $0.name == name }?.value }
    func all(_ name: String) -> [String] { values.filter { $0.name == name }.map { $0.value } }

    /// A number that is not negative.
    func number(_ name: String) throws(UsageError) -> Int32? {
        guard let text = given(name) else { return nil }
        guard let number = Int32(text), number >= 0 else {
            throw UsageError(message: "invalid value \"\(text)\" for flag -\(name): a number is needed")
        }
        return number
    }
}

/// C strings that live as long as this object.
final class CStringVector {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    let count: Int32

    init(_ strings: [String]) {
        pointers = .allocate(capacity: strings.count + 1)
        for (index, string) in strings.enumerated() { pointers[index] = strdup(string) }
        pointers[strings.count] = nil
        count = Int32(strings.count)
    }

    deinit {
        for index in 0..<Int(count) { free(pointers[index]) }
        pointers.deallocate()
    }

    func text(at index: Int32) -> String { pointers[Int(index)].map { String(cString: $0) } ?? "" }
    subscript(_ index: Int) -> UnsafePointer<CChar>? { pointers[index].map { UnsafePointer($0) } }
}
