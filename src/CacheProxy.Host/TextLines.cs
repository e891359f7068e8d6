using System.Globalization;
using Serilog.Events;
using Serilog.Formatting;

namespace CacheProxy.Host;

/// <summary>
/// Log lines for people. A value may come from a stranger: control characters are written as <c>\u001b</c>, so that no value can begin a
/// line of its own or speak to the terminal; an exception's lines are indented.
/// </summary>
internal sealed class TextLines : ITextFormatter
{
    private const string Indent = "    ";

    public void Format(LogEvent logEvent, TextWriter output)
    {
        output.Write(logEvent.Timestamp.ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture));
        output.Write(logEvent.Level switch
        {
            LogEventLevel.Verbose => " TRC ",
            LogEventLevel.Debug => " DBG ",
            LogEventLevel.Information => " INF ",
            LogEventLevel.Warning => " WRN ",
            LogEventLevel.Error => " ERR ",
            _ => " FTL ",
        });
        WriteMessage(logEvent, output);
        output.WriteLine();
        if (logEvent.Exception is not { } exception)
            return;
        foreach (var line in exception.ToString().AsSpan().EnumerateLines())
        {
            output.Write(Indent);
            Escape(line, output);
            output.WriteLine();
        }
    }

    /// <summary>Strings without quotes, which is how they are read; the template's own text is ours.</summary>
    private static void WriteMessage(LogEvent logEvent, TextWriter output)
    {
        foreach (var token in logEvent.MessageTemplate.Tokens)
        {
            if (token is Serilog.Parsing.PropertyToken property && logEvent.Properties.TryGetValue(property.PropertyName, out var value)
                && value is ScalarValue { Value: string text })
            {
                Escape(text, output);
                continue;
            }

            using var rendered = new StringWriter(CultureInfo.InvariantCulture);
            token.Render(logEvent.Properties, rendered, CultureInfo.InvariantCulture);
            Escape(rendered.ToString(), output);
        }
    }

    private static void Escape(ReadOnlySpan<char> text, TextWriter output)
    {
        foreach (var c in text)
        {
            if (char.IsControl(c) || c is '\u2028' or '\u2029')
                output.Write($"\\u{(int)c:x4}");
            else
                output.Write(c);
        }
    }
}
