// The options of a mount, taken apart.

internal import struct Kernel.AttributeChange
internal import enum Kernel.Propagation

/// The options of one mount, sorted by what they ask for.
struct ParsedOptions {
    var attributes = AttributeChange()
    var recursiveAttributes = AttributeChange()
    var propagation: [MountStep.PropagationChange] = []
    var bind: Bool?
    var remount = false
    var copiesUp = false
    var copiesLink = false
    var followsSource = true
    var followsDestination = true
    var idMapped: Bool?
    var inlineMaps: String?
    var superblock: [String] = []
    var parameters: [MountStep.Parameter] = []

    /// Whether something of the host is bound, as `type` or one of the options says.
    private(set) var isBind = false

    init(_ options: [String], type: String?) {
        isBind = type == "bind" || options.contains { $0 == "bind" || $0 == "rbind" }
        for text in options {
            // As mount(2) takes them: several in one. A bind mount takes none that way, and passes over none.
            guard !isBind, text.utf8.contains(UInt8(ascii: ",")) else {
                take(text)
                continue
            }
            for piece in Self.pieces(text) {
                switch mountOption(named: piece) {
                case .attributes, .superblock, .nothing: take(piece)
                default: addParameter(piece)
                }
            }
        }
    }

    /// What a new filesystem alone could take, and what protects nothing: it is passed over on a bind mount.
    static func isHarmless(_ parameter: MountStep.Parameter) -> Bool {
        parameter.value != nil && ["mode", "uid", "gid", "size", "nr_blocks", "nr_inodes"].contains(parameter.name)
            && !(parameter.value ?? "").utf8.contains(UInt8(ascii: ","))
    }

    // Not at a comma in quotes, nor after a backslash, nor, as tmpfs(5) has it in lists of nodes, before a digit.
    private static func pieces(_ text: String) -> [String] {
        let bytes = Array(text.utf8)
        var result: [String] = []
        var (start, isQuoted, isEscaped) = (0, false, false)
        for (index, byte) in bytes.enumerated() {
            if isEscaped {
                isEscaped = false
                continue
            }
            switch byte {
            case UInt8(ascii: "\\"): isEscaped = true
            case UInt8(ascii: "\""): isQuoted.toggle()
            case UInt8(ascii: ",") where !isQuoted:
                if index + 1 < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index + 1]) {
                    continue
                }
                result.append(String(decoding: bytes[start..<index], as: UTF8.self))
                start = index + 1
            default: break
            }
        }
        return result + [String(decoding: bytes[start...], as: UTF8.self)]
    }

    private mutating func take(_ text: String) {
        guard let option = mountOption(named: text) else { return addParameter(text) }
        switch option {
        case .nothing: break
        case .attributes(let change): attributes.merge(change)
        case .recursiveAttributes(let change): recursiveAttributes.merge(change)
        case .propagation(let kind, let recursive):
            propagation.append(MountStep.PropagationChange(kind: kind, recursive: recursive))
        case .bind(let recursive): bind = (bind ?? false) || recursive
        case .remount: remount = true
        case .superblock(let name): superblock.append(name)
        case .copyUp: copiesUp = true
        case .copyLink: copiesLink = true
        case .unfollowedSource: followsSource = false
        case .unfollowedDestination: followsDestination = false
        case .idMapped(let recursive): idMapped = recursive
        }
    }

    private mutating func addParameter(_ text: String) {
        guard !text.isEmpty else { return }
        if let equals = text.firstIndex(of: "=") {
            if case .idMapped(let recursive) = mountOption(named: String(text[..<equals])) {
                idMapped = recursive
                inlineMaps = String(text[text.index(after: equals)...])
                return
            }
            let name = String(text[..<equals])
            var value = text[text.index(after: equals)...]
            // mount(8): they protect the commas of a context, and are no part of it.
            if name.hasSuffix("context"), value.count > 1, value.first == "\"", value.last == "\"" {
                value = value.dropFirst().dropLast()
            }
            parameters.append(MountStep.Parameter(name, String(value)))
        } else {
            parameters.append(MountStep.Parameter(text))
        }
    }
}
