// Choosing containers by their ids, for the commands that take --regex.

internal import Glibc
internal import Kernel

extension Runtime {
    /// The ids of the containers that an extended regular expression matches anywhere. regex(7).
    /// - Throws: `invalid` when it is none, with the C library's word for why; `notFound` when nothing matches.
    package func identifiers(matching expression: String) throws(Failure) -> [String] {
        var compiled = regex_t()
        let code = regcomp(&compiled, expression, REG_EXTENDED | REG_NOSUB)
        guard code == 0 else {
            var text = [CChar](repeating: 0, count: 128)
            regerror(code, &compiled, &text, text.count)
            let word = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw Failure(.invalid, "--regex: \"\(expression)\" is no regular expression: \(word)")
        }
        defer { regfree(&compiled) }
        var found: [String] = []
        for id in try store.identifiers() where regexec(&compiled, id, 0, nil, 0) == 0 { found.append(id) }
        guard !found.isEmpty else {
            throw Failure(.notFound, "container does not exist: no id matches \"\(expression)\"")
        }
        return found
    }
}
