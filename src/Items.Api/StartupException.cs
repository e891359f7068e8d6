namespace Items.Api;

/// <summary>The service cannot start, for a reason its operator can mend. The message is for them and holds no secrets.</summary>
internal sealed class StartupException(string message, Exception? cause = null) : Exception(message, cause);
