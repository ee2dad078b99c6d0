# The manual page and the completions of bundle-harness, made of what swift-argument-parser tells of its options.
#
#   bundle-harness --experimental-dump-help | jq -r --arg form page|bash|zsh|fish --arg head 'DATE "swiftrun VERSION"' -f THIS

def roff: gsub("\\\\"; "\\e") | gsub("-"; "\\-") | gsub("'"; "\\(aq") | sub("^\\."; "\\&.");
def spellings: .names // [] | map(if .kind == "long" then "--" + .name else "-" + .name end);
def options: .arguments[] | select(.shouldDisplay and .kind != "positional");

# What the value of an option may be: words, or a kind of paths.
def values: .completionKind.list.values // [] | join(" ");
def paths:
  if .kind != "option" then ""
  else { work: "directories", witness: "files", busybox: "files", coverage: "files", runtime: "commands" }[.valueName] // ""
  end;
# A word of a shell.
def word: "'" + gsub("'"; "'\\''") + "'";

def page:
  def spelled: spellings | map("\\fB" + roff + "\\fR") | join(", ");
  ".\\\" Made by scripts/documents; not to be edited.",
  ".TH BUNDLE\\-HARNESS 1 " + $head + " \"User Commands\"",
  ".SH NAME", "bundle\\-harness \\- " + (.abstract | rtrimstr(".") | ascii_downcase | gsub("oci"; "OCI") | roff),
  ".SH SYNOPSIS", "\\fBbundle\\-harness\\fR [\\fIoptions\\fR] \\fIDIRECTORY\\fR...",
  ".SH DESCRIPTION", (.discussion // "" | split("\n\n")[] | gsub("\n"; " ") | gsub("(?<end>[.:]) (?<next>[A-Z])"; "\(.end)\n\(.next)") | roff),
  ".SH OPTIONS",
  (options
    | ".TP", spelled + (if .kind == "option" then " \\fI" + (.valueName | ascii_upcase | roff) + "\\fR" else "" end),
      (.abstract // "" | roff)
        + (if .defaultValue and .kind == "option" then "\n(default: " + (.defaultValue | roff) + ")" else "" end)),
  ".SH EXAMPLES", ".nf",
  ("bundle-harness --runtime runc --runtime swiftrun spec-fixtures/bundles/textbook" | roff), ".fi",
  ".SH SEE ALSO", "\\fBswiftrun\\fR(8)";

# Readline ends a word at = too (COMP_WORDBREAKS).
def bash:
  "# bash completion for bundle-harness; made by scripts/documents",
  "_bundle_harness() {",
  "    local typed=${2#=} option=$3",
  "    if [[ $3 == = ]]; then option=${COMP_WORDS[COMP_CWORD - 2]}; fi",
  "    COMPREPLY=()",
  "    case $option in",
  (options | select(.kind == "option")
    | "        " + (spellings | join(" | ")) + ") "
      + (if values != "" then "mapfile -t COMPREPLY < <(compgen -W '" + values + "' -- \"$typed\"); "
         else { directories: "compopt -o dirnames; ", files: "compopt -o default; ",
                commands: "mapfile -t COMPREPLY < <(compgen -c -- \"$typed\"); " }[paths] // ""
         end)
      + "return ;;"),
  "    esac",
  "    case $typed in",
  "        -*) mapfile -t COMPREPLY < <(compgen -W '" + ([options | spellings[]] | join(" ")) + "' -- \"$typed\") ;;",
  "        *) compopt -o dirnames ;;",
  "    esac",
  "}",
  "complete -F _bundle_harness bundle-harness";

def zsh:
  # What _arguments reads as a mark of its own.
  def escaped: gsub("(?<mark>[\\[\\]:\\\\])"; "\\" + .mark);
  def told: "[" + (.abstract // "" | escaped) + "]";
  def value:
    if .kind != "option" then ""
    else ":" + (.valueName | escaped) + ":"
      + (if values != "" then "(" + values + ")"
         else { directories: "_files -/", files: "_files", commands: "_command_names -e" }[paths] // " "
         end)
    end;
  "#compdef bundle-harness",
  "# zsh completion for bundle-harness; made by scripts/documents",
  "_bundle_harness() {",
  "    _arguments -S \\",
  (options | . as $option | spellings[]
    | "        "
      + ((if $option.isRepeating then "*" else "(" + ($option | spellings | join(" ")) + ")" end)
          + . + (if $option.kind != "option" then "" elif startswith("--") then "=" else "+" end)
          + ($option | told + value) | word)
      + " \\"),
  "        '*:directory:_files -/'",
  "}",
  "if [ \"$funcstack[1]\" = _bundle_harness ] || [ \"$funcstack[1]\" = _bundle-harness ]; then",
  "    _bundle_harness \"$@\"",
  "elif (( $+functions[compdef] )); then",
  "    compdef _bundle_harness bundle-harness",
  "else",
  "    print -u2 'bundle-harness: completion in zsh needs compinit first: autoload -Uz compinit && compinit'",
  "fi";

def fish:
  "# fish completion for bundle-harness; made by scripts/documents",
  "complete -c bundle-harness -f -a '(__fish_complete_directories)'",
  (options
    | "complete -c bundle-harness"
      + ([.names[] | if .kind == "long" then " -l " + .name else " -s " + .name end] | join(""))
      + " -d " + (.abstract // "" | word)
      + (if .kind != "option" then ""
         elif values != "" then " -x -a " + (values | word)
         else { directories: " -x -a '(__fish_complete_directories)'", files: " -r -F",
                commands: " -x -a '(__fish_complete_command)'" }[paths] // " -x"
         end));

.command | { page: [page], bash: [bash], zsh: [zsh], fish: [fish] }[$form][]
