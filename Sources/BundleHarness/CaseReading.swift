// Parses `case.json`; every key is checked before a step runs.

package import SystemPackage

extension Case {
    /// Parses a case.
    /// - Parameters:
    ///   - text: the content of `case.json`.
    ///   - name: group and name.
    ///   - directory: the directory of the case; a `config.json` or a `rootfs` in it is used.
    ///   - configuration: the text of a `config.json` beside it.
    ///   - rootfs: a root filesystem beside it.
    /// - Throws: `CaseError` with the key.
    package init(
        reading text: String, name: String, directory: FilePath, configuration: String? = nil, rootfs: FilePath? = nil
    ) throws(CaseError) {
        var fields = try Fields(try JSONValue(caseText: text), at: "")
        let sentence = try fields.string("about")
        if sentence == nil { try fields.refuseMisspelling(of: ["about"]) }
        guard let about = sentence, !about.isEmpty else {
            throw CaseError("about: missing; one sentence on what the case shows")
        }
        self.name = name
        self.directory = directory
        self.about = about
        properties = try fields.strings("spec") ?? []
        var containers = [
            Case.mainContainer: try ContainerRecipe(&fields, configuration: configuration, rootfs: rootfs)
        ]
        for (other, value) in try fields.object("containers") ?? [:] {
            var inner = try Fields(value, at: "containers.\(other)")
            containers[other] = try ContainerRecipe(&inner, configuration: nil, rootfs: nil)
            try inner.finish()
        }
        self.containers = containers
        host = try Recipe(fields.object("host") ?? [:], at: "host")
        let isolated = try fields.strings("isolate") ?? []
        for word in isolated { try checkWord(word, among: ["network"], at: "isolate") }
        isolatesNetwork = !isolated.isEmpty
        requirements = []
        for (index, text) in (try fields.strings("requires") ?? []).enumerated() {
            requirements.append(try Requirement(text, at: "requires[\(index)]"))
        }
        knownDifferences = []
        for (runtime, reason) in (try fields.texts("known") ?? [:]).sorted(by: { $0.key < $1.key }) {
            knownDifferences.append(try KnownDifference(runtime, reason))
        }
        timeLimit = try fields.integer("timeLimit", in: 1...Int.max)
        let hasUnknown = try fields.bool("unknownProperties") ?? false
        steps = try Case.steps(&fields, containers: containers)
        try fields.finish()
        if let bad = properties.first(where: { !specificationProperties.contains($0) }) {
            let hint = suggested(for: bad, among: specificationPropertyList)
            throw CaseError("spec: \(bad) is no property of config.json\(hint)")
        }
        try Case.checkReferences(steps)
        warnings = try unknownProperties(isMeant: hasUnknown)
    }

    private static func steps(
        _ fields: inout Fields, containers: [String: ContainerRecipe]
    ) throws(CaseError) -> [Step] {
        guard let drive = try fields.array("drive") else {
            let step: [String: JSONValue] = ["do": "run", "expect": fields.value("expect") ?? .object([:])]
            return [try Step(.object(step), at: "", containers: containers)]
        }
        if fields.value("expect") != nil { throw CaseError("expect: belongs to the steps when there is a drive") }
        if drive.isEmpty { throw CaseError("drive: has no step") }
        var steps: [Step] = []
        for (index, value) in drive.enumerated() {
            steps.append(try Step(value, at: "drive[\(index)]", containers: containers))
        }
        return steps
    }
}

extension ContainerRecipe {
    init(_ fields: inout Fields, configuration: String?, rootfs copied: FilePath?) throws(CaseError) {
        let named = try fields.string("base")
        if let configuration {
            if named != nil { throw CaseError("base: there is a config.json beside the case") }
            do throws(CaseError) { base = try JSONValue(caseText: configuration) } catch {
                throw error.within("config.json")
            }
        } else {
            guard let known = try baseConfiguration(named ?? "default") else {
                throw notAmong(named ?? "", baseNames, at: fields.key("base"))
            }
            base = known
        }
        overlay = Overlay(.object(try fields.object("config") ?? [:]))
        try ContainerRecipe.checkPlaceholders(overlay.patch, at: fields.key("config"))
        text = try fields.string("configText")
        copiedRootfs = copied
        if let flag = fields.value("rootfs"), flag == .bool(false) {
            hasRootfs = false
            rootfs = Recipe()
        } else {
            hasRootfs = true
            rootfs = try Recipe(fields.object("rootfs") ?? [:], at: fields.key("rootfs"))
        }
        // A patch that cannot be applied is an error of the case, which must show before a step runs.
        _ = try overlay.applied(to: base)
    }

    static func checkPlaceholders(_ value: JSONValue, at path: String) throws(CaseError) {
        _ = try value.mapStrings { text throws(CaseError) in
            try Placeholders.check(text, at: path)
            return text
        }
    }
}

extension Step {
    init(_ value: JSONValue, at path: String, containers: [String: ContainerRecipe]) throws(CaseError) {
        try ContainerRecipe.checkPlaceholders(value, at: path.isEmpty ? "expect" : path)
        var fields = try Fields(value, at: path)
        place = path
        let container = try fields.string("container") ?? Case.mainContainer
        if containers[container] == nil {
            let hint = suggested(for: container, among: containers.keys.sorted())
            throw CaseError("\(fields.key("container")): no container \(container)\(hint)")
        }
        action = try Step.action(&fields, container: container)
        name = try fields.string("as")
        input = try fields.string("input")
        environment = try fields.texts("environment") ?? [:]
        user = try fields.integer("user", in: 0...Recipe.largestID)
        runsInBackground = try fields.bool("background") ?? false
        hasConsole = try fields.bool("console") ?? false
        expected = fields.value("expect") ?? .object([:])
        _ = try StepExpectations(expected, at: fields.key("expect"))
        try fields.finish()
    }

    private static let kinds = ["do", "raw", "host", "wait", "listen"]

    private static func action(_ fields: inout Fields, container: String) throws(CaseError) -> Action {
        let present = kinds.filter { fields.names.contains($0) }
        if present.isEmpty { try fields.refuseMisspelling(of: kinds) }
        guard present.count == 1 else {
            throw CaseError("\(fields.path): expected one of \(kinds.joined(separator: ", "))")
        }
        if let command = try fields.string("do") {
            let words = command.split(separator: " ").map(String.init)
            guard let first = words.first else { throw CaseError("\(fields.key("do")): empty") }
            guard runtimeCommands.contains(first) else {
                let hint = suggested(for: first, among: runtimeCommands)
                throw CaseError(
                    "\(fields.key("do")): no runtime command \(first)" + (hint.isEmpty ? "; raw calls any other" : hint)
                )
            }
            let options = try fields.strings("options") ?? []
            let arguments = try fields.strings("arguments") ?? []
            return .command(first, container: container, options: options, arguments: words.dropFirst() + arguments)
        }
        if let words = try fields.strings("raw") { return .raw(words) }
        if let words = try fields.strings("host") {
            if words.isEmpty { throw CaseError("\(fields.key("host")): empty") }
            return .host(words)
        }
        if let condition = try fields.string("wait") {
            let conditions = ["exit", "created", "running", "stopped", "paused"]
            try checkWord(condition, among: conditions, at: fields.key("wait"))
            return .wait(condition, container: container)
        }
        let socket = try fields.string("listen") ?? ""
        guard let word = try fields.string("agent") else {
            return .listen(socket, .answers(try fields.integer("answer", in: 0...4095) ?? 0))
        }
        guard let how = SeccompAgent.Misbehaviour(rawValue: word) else {
            let known = SeccompAgent.Misbehaviour.allCases.map(\.rawValue)
            throw notAmong(word, known, at: fields.key("agent"))
        }
        return .listen(socket, .misbehaves(how))
    }
}

extension StepExpectations {
    init(_ value: JSONValue, at path: String) throws(CaseError) {
        var fields = try Fields(value, at: path)
        func expectation(_ key: String, yields kind: Yield) throws(CaseError) -> Expectation? {
            guard let value = fields.value(key) else { return nil }
            let expectation = try Expectation(value, at: fields.key(key))
            try Self.check(expectation, yields: kind, at: fields.key(key))
            return expectation
        }
        func places(_ key: String) throws(CaseError) -> [JSONPath: Expectation] {
            var result: [JSONPath: Expectation] = [:]
            for (text, value) in try fields.object(key) ?? [:] {
                let place: JSONPath
                do throws(CaseError) { place = try JSONPath(text) } catch { throw error.within(fields.key(key)) }
                result[place] = try Expectation(value, at: "\(fields.key(key)).\(text)")
            }
            return result
        }
        exit = try expectation("exit", yields: .number)
        output = try expectation("stdout", yields: .text)
        error = try expectation("error", yields: .text)
        observations = try places("observe")
        document = try places("json")
        seconds = try expectation("seconds", yields: .number)
        try fields.finish()
    }
}

extension KnownDifference {
    /// Parses `runc`, `runc<1.2` or `runc>=1.2`.
    init(_ text: String, _ reason: String) throws(CaseError) {
        self.reason = reason
        if reason.isEmpty { throw CaseError("known.\(text): a known difference needs its reason") }
        guard let sign = text.firstIndex(where: { "<>=".contains($0) }) else {
            runtime = text
            return
        }
        runtime = String(text[..<sign])
        let rest = text[sign...]
        let isBefore = rest.hasPrefix("<")
        let digits = isBefore ? rest.dropFirst() : rest.dropFirst(2)
        let numbers = digits.split(separator: ".").map { Int($0) }
        guard isBefore || rest.hasPrefix(">="), !runtime.isEmpty, !numbers.isEmpty, !numbers.contains(nil)
        else { throw CaseError("known.\(text): expected NAME, NAME<VERSION or NAME>=VERSION") }
        if isBefore { before = numbers.compactMap(\.self) } else { since = numbers.compactMap(\.self) }
    }

    /// Whether the difference belongs to this runtime.
    package func applies(to runtime: RuntimeIdentity) -> Bool {
        guard self.runtime == runtime.name else { return false }
        if let before { return runtime.version.lexicographicallyPrecedes(before) }
        if let since { return !runtime.version.lexicographicallyPrecedes(since) }
        return true
    }
}
