// Paths as text; no file is accessed.

/// A path without `.`, `..`, doubled or trailing slashes; `..` stops at "/". Links are not followed.
package func cleanPath(_ path: String) -> String {
    var parts: [Substring] = []
    for part in path.split(at: "/", omittingEmptySubsequences: true) {
        if part == "." { continue }
        if part == ".." {
            if !parts.isEmpty { parts.removeLast() }
            continue
        }
        parts.append(part)
    }
    // Runs about fifty times for every container; joined(separator:) would cost more than the rest of this function.
    var result = ""
    for part in parts {
        result += "/"
        result += part
    }
    return result.isEmpty ? "/" : result
}
