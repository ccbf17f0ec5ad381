"""What well-known calls of the four languages do to a text. Data, and one look-up."""

from __future__ import annotations

FORMATS = frozenset((
    "fmt.Sprintf", "fmt.Sprint", "fmt.Sprintln", "fmt.Fprintf", "fmt.Fprint", "fmt.Fprintln", "String.format",
    "util.format", "sprintf", "vsprintf", "format.format",
))  # fmt: skip
"""Calls that fill the verbs of a format."""

JOINS = frozenset((
    "join", "joinToString", "map", "flatMap", "filter", "slice", "reverse", "sort", "sorted", "stream", "collect",
    "toList", "distinct", "limit", "concat_", "take", "mapIndexed", "flat", "reversed", "toReversed", "splice",
))  # fmt: skip
"""Methods of lists that keep, change or join the elements."""

WRAPPERS: dict[str, str] = {
    "strings.Join": "join", "String.join": "join",
    "strings.ReplaceAll": "replace", "strings.Replace": "replace",
    "strings.TrimSpace": "", "strings.ToLower": "", "strings.ToUpper": "", "strings.Trim": "", "strings.TrimRight": "",
    "strings.TrimPrefix": "", "strings.TrimSuffix": "", "string": "", "String": "", "String.valueOf": "",
    "strconv.Itoa": "int", "strconv.FormatInt": "int", "strconv.Quote": "tojson", "len": "length",
    "JSON.stringify": "tojson", "json.Marshal": "tojson", "html.EscapeString": "escape", "url.QueryEscape": "urlencode",
    "encodeURIComponent": "urlencode", "encodeURI": "urlencode", "btoa": "b64encode", "Number": "float",
    "parseInt": "int",
    "Math.round": "round", "Math.floor": "int", "Math.max": "int", "Math.min": "int", "Boolean": "bool",
    "List.of": "list", "Arrays.asList": "list", "listOf": "list", "Stream.of": "list",
    "StringEscapeUtils.escapeHtml4": "escape", "HtmlUtils.htmlEscape": "escape",
    "Object.entries": "", "Object.values": "", "Object.keys": "", "Array.from": "",
    "base64.StdEncoding.EncodeToString": "b64encode",
}  # fmt: skip
"""Calls whose first argument goes on: by a filter, unchanged (""), or as a list."""

CONSTANT_CALLS = frozenset((
    "Date.now", "time.Now", "LocalDate.now", "LocalDateTime.now", "Instant.now", "new Date", "crypto.randomUUID",
    "UUID.randomUUID", "uuid.New", "uuid.NewString", "uuidv4", "nanoid", "Math.random", "os.Getenv", "System.getenv",
    "performance.now", "ZonedDateTime.now",
))  # fmt: skip
"""Calls whose result is the program's own."""

PASSING = frozenset((
    "trim", "trimStart", "trimEnd", "strip", "stripIndent", "trimIndent", "trimMargin", "toString", "toLowerCase",
    "toUpperCase", "substring", "substr", "slice", "normalize", "padEnd", "padStart", "repeat", "String", "build",
    "orElse", "orElseGet", "text", "toISOString", "toLocaleDateString", "toLocaleString", "toLocaleTimeString",
    "Format",
    "lowercase", "uppercase", "take", "stripLeading", "stripTrailing", "translateEscapes", "catch", "then", "asText",
))  # fmt: skip
"""Methods that give back what they are called on, as far as trust goes."""

_FILTERS: dict[str, str] = {
    "length": "length", "size": "length", "count": "length", "len": "length", "toFixed": "float",
    "toPrecision": "float",
    "stringify": "tojson", "toJSON": "tojson", "toJson": "tojson", "tojson": "tojson", "writeValueAsString": "tojson",
    "escape": "escape", "escapeHtml": "escape", "escapeXml": "escape", "htmlEscape": "escape", "escapeHTML": "escape",
    "escapeXML": "escape", "encodeURIComponent": "urlencode", "indexOf": "int", "parseInt": "int",
    "parseFloat": "float",
    "encodeToString": "b64encode", "EscapeString": "escape", "intValue": "int", "Itoa": "int", "escapeHtml4": "escape",
    "ordinal": "int", "getTime": "int",
}  # fmt: skip


def filter_of(name: str) -> str:
    """The filter, by its name in Jinja2, that a call or attribute of this name comes to; "" for none."""
    return _FILTERS.get(name, "")
