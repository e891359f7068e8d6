# Build from the repository's root: docker build -f docker/Items.Api.Dockerfile .
FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
WORKDIR /source

# Project files alone: this layer is built again only when a dependency changes.
COPY global.json Directory.Build.props Directory.Packages.props ./
COPY src/CacheProxy.Coherence/CacheProxy.Coherence.csproj src/CacheProxy.Coherence/
COPY src/CacheProxy.Origin/CacheProxy.Origin.csproj src/CacheProxy.Origin/
COPY src/Items.Api/Items.Api.csproj src/Items.Api/
RUN dotnet restore src/Items.Api --use-current-runtime -p:PublishReadyToRun=true

COPY . .
RUN dotnet publish src/Items.Api -c Release --use-current-runtime --no-self-contained -p:PublishReadyToRun=true -o /app

FROM mcr.microsoft.com/dotnet/aspnet:10.0
WORKDIR /app
COPY --from=build /app .
USER $APP_UID
EXPOSE 8080
# The image has bash, but no HTTP client.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["bash", "-c", \
  "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /health/ HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ $status = 200 ]"]
ENTRYPOINT ["dotnet", "Items.Api.dll"]
