// Manual pages in man(7)'s language, made from the tables of options.

internal import CLinux
internal import ContainerRuntime

extension Command {
    static let manual = Command(
        name: "manual", summary: "print a manual page, in roff", usage: "[command]", options: [], arguments: 0...1
    ) { call throws(CommandError) in
        guard let name = call.options.arguments.first else {
            try printText(ManualPage.program)
            return 0
        }
        guard let command = all.first(where: { $0.name == name }) else {
            throw .usage(UsageError(message: "no manual page for \"\(name)\"; without a name it is the program's"))
        }
        try printText(ManualPage.page(command))
        return 0
    }
}

/// A manual page.
struct ManualPage {
    private var lines: [String] = []

    /// swiftrun(8).
    static var program: String {
        var page = ManualPage("swiftrun", "an OCI container runtime")
        page.section("SYNOPSIS")
        page.line("\\fBswiftrun\\fR [\\fIglobal options\\fR] \\fICOMMAND\\fR [\\fIoptions\\fR] [\\fIarguments\\fR]")
        page.section("DESCRIPTION")
        page.paragraphs(ManualText.program)
        page.section("COMMANDS")
        for command in Command.all {
            page.tag("\\fBswiftrun\\-\(escaped(command.name))\\fR(8)", command.summary)
        }
        page.section("GLOBAL OPTIONS")
        page.options(GlobalOptions.shown)
        page.section("EXIT STATUS")
        page.paragraphs(ManualText.exitStatus)
        page.section("FILES")
        for (path, text) in ManualText.files { page.tag("\\fI\(escaped(path))\\fR", text) }
        page.section("EXAMPLES")
        page.examples(ManualText.programExamples)
        page.section("SEE ALSO")
        page.line(
            Command.all.map { "\\fBswiftrun\\-\(escaped($0.name))\\fR(8)" }.joined(separator: ",\n")
                + ",\n\\fBcontainerd\\-shim\\-swiftrun\\-v2\\fR(8), \\fBbundle\\-harness\\fR(1)")
        return page.text
    }

    /// The page of a command.
    static func page(_ command: Command) -> String {
        var page = ManualPage("swiftrun-" + command.name, command.summary)
        page.section("SYNOPSIS")
        page.line(
            "\\fBswiftrun\\fR [\\fIglobal options\\fR] \\fB\(command.name)\\fR [\\fIoptions\\fR]"
                + (command.usage.isEmpty ? "" : " " + escaped(command.usage))
        )
        let text = ManualText.of(command.name)
        page.section("DESCRIPTION")
        page.paragraphs(text.description.isEmpty ? [sentence(command.summary)] : text.description)
        page.section("OPTIONS")
        page.options(command.shownOptions)
        if !text.examples.isEmpty {
            page.section("EXAMPLES")
            page.examples(text.examples)
        }
        page.section("SEE ALSO")
        page.line("\\fBswiftrun\\fR(8)")
        return page.text
    }

    private init(_ name: String, _ summary: String) {
        lines = [
            ".\\\" Made by `swiftrun manual`; not to be edited.",
            ".TH \(Self.escaped(name.uppercased())) 8 \(CLINUX_PROJECT_DATE) \"swiftrun \(CLINUX_PROJECT_VERSION)\""
                + " \"System Administration\"",
            ".SH NAME", "\(Self.escaped(name)) \\- \(Self.escaped(summary))",
        ]
    }

    private var text: String { lines.joined(separator: "\n") }

    private mutating func section(_ title: String) { lines.append(".SH \(title)") }
    private mutating func line(_ text: String) { lines.append(text) }

    // A heading begins a paragraph itself.
    private mutating func separate() {
        if lines.last?.hasPrefix(".SH") == false { lines.append(".PP") }
    }

    private mutating func paragraphs(_ texts: [String]) {
        for text in texts { separate(); lines.append(Self.escaped(text)) }
    }

    private mutating func tag(_ term: String, _ text: String) { lines += [".TP", term, Self.escaped(text)] }

    private mutating func options(_ options: [Option]) {
        for option in options {
            let argument = option.argument.map { " \\fI\(Self.escaped($0))\\fR" } ?? ""
            tag(
                option.spellings.map { "\\fB\(Self.escaped($0))\\fR" }.joined(separator: ", ") + argument,
                // As help shows it, for it may begin with a word that has to be typed.
                option.help)
        }
    }

    private mutating func examples(_ examples: [(about: String, lines: [String])]) {
        for example in examples {
            separate()
            if !example.about.isEmpty { lines += [Self.escaped(example.about), ".PP"] }
            lines += [".RS 4", ".nf"]
            lines += example.lines.map(Self.escaped)
            lines += [".fi", ".RE"]
        }
    }

    private static func sentence(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() + "." }

    /// Text in which nothing is a command of roff's: a backslash, a minus, and what begins a line.
    private static func escaped(_ text: String) -> String {
        var result = text.first == "." || text.first == "'" ? "\\&" : ""
        for character in text {
            switch character {
            case "\\": result += "\\e"
            case "-": result += "\\-"
            case "'": result += "\\(aq"
            case "`": result += "\\(ga"
            case "^": result += "\\(ha"
            case "~": result += "\\(ti"
            default: result.append(character)
            }
        }
        return result
    }
}
