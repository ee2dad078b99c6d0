// The command line of this start of the program.

internal import OCISpec

/// The command line, as containerd and people write it: one or two dashes, `-name value` or `-name=value`.
package struct ShimInvocation: Equatable, Sendable {
    package enum Action: Equatable, Sendable {
        case start, delete, serve, info, version, help
    }

    package var action = Action.help
    package var namespace = ""
    package var id = ""
    /// containerd's gRPC socket.
    package var address = ""
    package var bundle = ""
    /// The daemon's own socket.
    package var socket = ""
    package var isDebug = false

    /// Reads the arguments after the program's name; throws what is wrong with them.
    package init(_ arguments: [String]) throws(ShimFailure) {
        var rest = arguments[...]
        var isInfo = false
        var isVersion = false
        while let argument = rest.first, argument.hasPrefix("-") {
            rest.removeFirst()
            let parts = argument.drop { $0 == "-" }.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts.first ?? "")
            let attached = parts.count > 1 ? String(parts[1]) : nil
            switch name {
            case "debug": isDebug = attached != "false"
            case "info": isInfo = attached != "false"
            case "v", "version": isVersion = attached != "false"
            case "h", "help": return
            default:
                guard let field = Self.fields[name] else { throw ShimFailure("unknown flag -\(name)") }
                guard let value = attached ?? rest.popFirst() else { throw ShimFailure("flag -\(name) needs a value") }
                if let field { self[keyPath: field] = value }
            }
        }
        action = try Self.action(rest, isInfo: isInfo, isVersion: isVersion)
        if [.start, .delete, .serve].contains(action) {
            if namespace.isEmpty { throw ShimFailure("-namespace is required") }
            if id.isEmpty { throw ShimFailure("-id is required") }
            // Paths are made of both.
            for (flag, value) in [("-namespace", namespace), ("-id", id)] where !isIdentifier(value) {
                throw ShimFailure("\(flag) \(value.quoted): not an identifier")
            }
        }
        if action == .serve, socket.isEmpty { throw ShimFailure("-socket is required") }
    }

    private static func action(
        _ operands: ArraySlice<String>, isInfo: Bool, isVersion: Bool
    ) throws(ShimFailure) -> Action {
        if isVersion { return .version }
        if isInfo { return .info }
        if operands.count > 1 { throw ShimFailure("unexpected argument \(operands.last ?? "")") }
        switch operands.first {
        case "start": return .start
        case "delete": return .delete
        case "serve": return .serve
        case "help", nil: return .help
        case .some(let other): throw ShimFailure("unknown action \(other)")
        }
    }

    /// Flags with a value, and where it goes; `publish-binary` is of the past and goes nowhere.
    private static var fields: [String: WritableKeyPath<ShimInvocation, String>?] {
        [
            "namespace": \.namespace, "id": \.id, "address": \.address, "bundle": \.bundle, "socket": \.socket,
            "publish-binary": Optional<WritableKeyPath<ShimInvocation, String>>.none,
        ]
    }
}
