// Properties that annotations set, `org.systemd.property.NAME`, as GVariant text.

internal import Kernel

/// Properties from annotations.
enum SystemdAnnotation {
    /// The properties that a container's author may set: the unit's end, its relation to other units, its limits.
    /// None of them runs a program, moves the unit, or weakens the isolation of the container.
    static let allowed: Set<String> = [
        "After", "AllowedCPUs", "AllowedMemoryNodes", "Before", "CPUQuotaPerSecUSec", "CPUQuotaPeriodUSec", "CPUWeight",
        "CollectMode", "CoredumpReceive", "Description", "Documentation", "DropInPaths", "FinalKillSignal",
        "IOAccounting", "IODeviceLatencyTargetUSec", "IODeviceWeight", "IOReadBandwidthMax", "IOReadIOPSMax",
        "IOWeight",
        "IOWriteBandwidthMax", "IOWriteIOPSMax", "IPAccounting", "JobRunningTimeoutUSec", "JobTimeoutUSec", "KillMode",
        "KillSignal", "ManagedOOMMemoryPressure", "ManagedOOMMemoryPressureLimit", "ManagedOOMPreference",
        "ManagedOOMSwap", "MemoryHigh", "MemoryLow", "MemoryMax", "MemoryMin", "MemorySwapMax", "MemoryZSwapMax",
        "OOMPolicy", "PartOf", "Requires", "RequiresMountsFor", "RestartKillSignal", "RuntimeMaxUSec",
        "RuntimeRandomizedExtraUSec", "SendSIGHUP", "SendSIGKILL", "StartupCPUWeight", "StartupIOWeight", "TasksMax",
        "TimeoutStopUSec", "Wants", "WatchdogSignal",
    ]

    /// Reads one annotation.
    /// - Parameters:
    ///   - name: the name after the prefix; a time in seconds may end in `Sec`, as in unit files.
    ///   - text: `true`, `'text'`, `uint64 5`, `['a', 'b']`…
    static func property(_ name: String, _ text: String, key: String) throws(CgroupFailure) -> SystemdProperty {
        let isSeconds = name.hasSuffix("Sec") && !name.hasSuffix("USec")
        let full = isSeconds ? "\(name.dropLast(3))USec" : name
        guard allowed.contains(full) else {
            throw CgroupFailure(
                .invalid, "annotations[\"\(key)\"]: \(name) is not a property that an annotation may set")
        }
        var parser = GVariantText(text)
        guard let value = parser.whole() else {
            throw CgroupFailure(.invalid, "annotations[\"\(key)\"]: expected a GVariant text, found \"\(text)\"")
        }
        guard isSeconds else { return SystemdProperty(full, value) }
        guard let seconds = seconds(value), seconds >= 0, seconds < 1e13 else {
            throw CgroupFailure(.invalid, "annotations[\"\(key)\"]: expected a number of seconds, found \"\(text)\"")
        }
        return SystemdProperty(full, .uint64(UInt64(seconds * 1_000_000)))
    }

    private static func seconds(_ value: DBusValue) -> Double? {
        switch value {
        case .byte(let number): Double(number)
        case .int32(let number): Double(number)
        case .uint32(let number): Double(number)
        case .int64(let number): Double(number)
        case .uint64(let number): Double(number)
        case .double(let number): number
        default: nil
        }
    }
}

/// A parser of GVariant's text format: Booleans, numbers with or without a type, strings, arrays.
struct GVariantText {
    private var rest: Substring

    init(_ text: String) { rest = text[...] }

    /// The value of the whole text; nil if it is not exactly one value.
    mutating func whole() -> DBusValue? {
        guard let value = value(depth: 0) else { return nil }
        skipSpace()
        return rest.isEmpty ? value : nil
    }

    private mutating func skipSpace() { rest = rest.drop { $0 == " " || $0 == "\n" || $0 == "\t" } }

    private mutating func value(depth: Int) -> DBusValue? {
        skipSpace()
        guard depth < 8, let first = rest.first else { return nil }
        switch first {
        case "'", "\"": return string(until: first).map(DBusValue.string)
        case "[": return array(depth: depth)
        case "@": return typed(depth: depth)
        default: return word(depth: depth)
        }
    }

    /// `true`, `5`, `1.5`, or a number after its type's name: `uint64 5`.
    private mutating func word(depth: Int) -> DBusValue? {
        let word = rest.prefix { !" \t\n,]".contains($0) }
        rest = rest.dropFirst(word.count)
        switch word {
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        case "boolean": return converted(to: "b", depth: depth)
        case "byte": return converted(to: "y", depth: depth)
        case "int32": return converted(to: "i", depth: depth)
        case "uint32": return converted(to: "u", depth: depth)
        case "int64": return converted(to: "x", depth: depth)
        case "uint64": return converted(to: "t", depth: depth)
        case "double": return converted(to: "d", depth: depth)
        case "string": return converted(to: "s", depth: depth)
        default: return Self.number(word)
        }
    }

    private static func number(_ word: Substring) -> DBusValue? {
        if let number = integer(word) { return Int32(exactly: number).map(DBusValue.int32) }
        return word.contains(".") ? decimalNumber(word).map(DBusValue.double) : nil
    }

    /// Decimal, or hexadecimal after `0x`; wide enough for every D-Bus type.
    private static func integer(_ word: Substring) -> Int128? {
        let isNegative = word.hasPrefix("-")
        let digits = isNegative ? word.dropFirst() : word
        let value = digits.hasPrefix("0x") ? Int128(digits.dropFirst(2), radix: 16) : Int128(digits, radix: 10)
        return value.map { isNegative ? -$0 : $0 }
    }

    /// `@t 5`.
    private mutating func typed(depth: Int) -> DBusValue? {
        rest = rest.dropFirst()
        let signature = rest.prefix { !" \t\n".contains($0) }
        rest = rest.dropFirst(signature.count)
        return converted(to: String(signature), depth: depth)
    }

    private mutating func converted(to signature: String, depth: Int) -> DBusValue? {
        skipSpace()
        if signature.hasPrefix("a"), rest.hasPrefix("[") {
            return array(of: String(signature.dropFirst()), depth: depth)
        }
        if signature == "s" || signature == "b" || signature == "d" {
            let value = value(depth: depth + 1)
            if signature == "d", case .int32(let number) = value { return .double(Double(number)) }
            return value?.signature == signature ? value : nil
        }
        let word = rest.prefix { !" \t\n,]".contains($0) }
        rest = rest.dropFirst(word.count)
        guard let number = Self.integer(word) else { return nil }
        switch signature {
        case "y": return UInt8(exactly: number).map(DBusValue.byte)
        case "i": return Int32(exactly: number).map(DBusValue.int32)
        case "u": return UInt32(exactly: number).map(DBusValue.uint32)
        case "x": return Int64(exactly: number).map(DBusValue.int64)
        case "t": return UInt64(exactly: number).map(DBusValue.uint64)
        default: return nil
        }
    }

    private mutating func string(until quote: Character) -> String? {
        rest = rest.dropFirst()
        var text = ""
        while let character = rest.popFirst() {
            if character == quote { return text }
            guard character == "\\" else {
                text.append(character)
                continue
            }
            guard let escaped = rest.popFirst() else { return nil }
            switch escaped {
            case "n": text.append("\n")
            case "t": text.append("\t")
            case "\\", "'", "\"": text.append(escaped)
            default: return nil
            }
        }
        return nil
    }

    private mutating func array(of element: String? = nil, depth: Int) -> DBusValue? {
        rest = rest.dropFirst()
        var values: [DBusValue] = []
        while true {
            skipSpace()
            if rest.first == "]" {
                rest = rest.dropFirst()
                guard let signature = element ?? values.first?.signature else { return nil }
                return values.allSatisfy { $0.signature == signature } ? .array(signature, values) : nil
            }
            if !values.isEmpty {
                guard rest.first == "," else { return nil }
                rest = rest.dropFirst()
                skipSpace()
            }
            let next = element.map { converted(to: $0, depth: depth + 1) } ?? value(depth: depth + 1)
            guard let next else { return nil }
            values.append(next)
        }
    }
}
