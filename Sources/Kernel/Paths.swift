// Paths as texts, without a look at any file.

/// A path without `.`, `..`, doubled or trailing slashes; `..` stops at "/". Links are not followed.
package func cleanPath(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(separator: "/", omittingEmptySubsequences: true) {
        if part == "." { continue }
        if part == ".." {
            if !parts.isEmpty { parts.removeLast() }
            continue
        }
        parts.append(part)
    }
    // Fifty times for every container: joined(separator:) costs more than all the rest of this.
    var result = ""
    for part in parts {
        result += "/"
        result += part
    }
    return result.isEmpty ? "/" : result
}
