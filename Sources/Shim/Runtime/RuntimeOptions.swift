// Runtime options, in the forms that callers send them.

internal import FoundationEssentials
internal import Kernel
package import ShimAPI
package import SwiftProtobuf

/// Which message an `Any` of options holds.
enum RuntimeOptionsKind {
    case runc, generic, create

    init?(_ any: Google_Protobuf_Any) {
        switch any.typeURL.split(separator: "/").last {
        case "containerd.runc.v1.Options": self = .runc
        case "runtimeoptions.v1.Options": self = .generic
        case "containerd.linux.runc.CreateOptions": self = .create
        default: return nil
        }
    }
}

extension RuncOptions {
    /// Reads what a caller sent: runc's message, or the message for other shims, whose body or file is TOML.
    ///
    /// - Throws: the sentence that says what cannot be read.
    package init(_ any: Google_Protobuf_Any?) throws(ShimFailure) {
        self.init()
        guard let any, !any.typeURL.isEmpty else { return }
        switch RuntimeOptionsKind(any) {
        case .runc:
            guard let options = try? RuncOptions(serializedBytes: any.value) else {
                throw ShimFailure("runtime options: malformed \(any.typeURL)")
            }
            self = options
        case .generic:
            guard let options = try? RuntimeOptions(serializedBytes: any.value) else {
                throw ShimFailure("runtime options: malformed \(any.typeURL)")
            }
            try read(options)
        case .create:
            guard let options = try? LinuxCreateOptions(serializedBytes: any.value) else {
                throw ShimFailure("runtime options: malformed \(any.typeURL)")
            }
            read(options)
        case nil:
            throw ShimFailure("runtime options: unknown type \(any.typeURL)")
        }
    }

    private mutating func read(_ options: LinuxCreateOptions) {
        noPivotRoot = options.noPivotRoot
        noNewKeyring = options.noNewKeyring
        shimCgroup = options.shimCgroup
        ioUid = options.ioUid
        ioGid = options.ioGid
        criuWorkPath = options.criuWorkPath
        criuImagePath = options.criuImagePath
    }

    private mutating func read(_ options: RuntimeOptions) throws(ShimFailure) {
        if !options.configBody.isEmpty {
            try read(toml: String(decoding: options.configBody, as: UTF8.self), from: "config_body")
        } else if !options.configPath.isEmpty {
            let path = options.configPath
            let text = try during("runtime options: open \(path)") { () throws(Errno) in try readText(path) }
            try read(toml: text, from: path)
        }
    }

    /// Reads `Name = value` lines; keys that mean nothing to us are passed over.
    mutating func read(toml text: String, from source: String) throws(ShimFailure) {
        for (number, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            guard let entry = try TOMLEntry(line, at: "\(source):\(number + 1)") else { continue }
            try set(entry)
        }
    }

    private mutating func set(_ entry: TOMLEntry) throws(ShimFailure) {
        switch entry.key {
        case "BinaryName": binaryName = try entry.string
        case "Root": root = try entry.string
        case "SystemdCgroup": systemdCgroup = try entry.boolean
        case "NoPivotRoot": noPivotRoot = try entry.boolean
        case "NoNewKeyring": noNewKeyring = try entry.boolean
        case "ShimCgroup": shimCgroup = try entry.string
        case "IoUid": ioUid = try entry.number
        case "IoGid": ioGid = try entry.number
        case "CriuPath": criuPath = try entry.string
        case "CriuImagePath": criuImagePath = try entry.string
        case "CriuWorkPath": criuWorkPath = try entry.string
        default: break
        }
    }
}

/// One `key = value` line of a flat TOML table.
private struct TOMLEntry {
    let place: String
    let key: Substring
    let value: Substring

    /// Nothing for empty lines, comments and table headers.
    init?(_ line: Substring, at place: String) throws(ShimFailure) {
        let line = line.trimmed
        if line.isEmpty || line.hasPrefix("#") || line.hasPrefix("[") { return nil }
        guard let equals = line.firstIndex(of: "=") else { throw ShimFailure("\(place): expected key = value") }
        self.place = place
        key = line[..<equals].trimmed
        value = line[line.index(after: equals)...].trimmed
    }

    var string: String {
        get throws(ShimFailure) {
            guard let quote = value.first, quote == "\"" || quote == "'" else {
                throw ShimFailure("\(place): \(key): expected a string")
            }
            let body = value.dropFirst()
            guard let end = body.firstIndex(of: quote), isComment(body[body.index(after: end)...]),
                quote == "'" || !body[..<end].contains("\\")
            else { throw ShimFailure("\(place): \(key): expected a plain quoted string") }
            return String(body[..<end])
        }
    }

    var boolean: Bool {
        get throws(ShimFailure) {
            switch bare {
            case "true": return true
            case "false": return false
            default: throw ShimFailure("\(place): \(key): expected true or false")
            }
        }
    }

    var number: UInt32 {
        get throws(ShimFailure) {
            guard let number = UInt32(bare) else { throw ShimFailure("\(place): \(key): expected a number") }
            return number
        }
    }

    private var bare: Substring { value.prefix { $0 != "#" }.trimmed }

    private func isComment(_ rest: Substring) -> Bool {
        let rest = rest.trimmed
        return rest.isEmpty || rest.hasPrefix("#")
    }
}

extension Substring {
    fileprivate var trimmed: Substring {
        var rest = drop(while: \.isWhitespace)
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return rest
    }
}
