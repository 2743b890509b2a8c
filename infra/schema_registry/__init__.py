"""The registry of schemas as the world speaks to it: the REST API that Confluent made the standard.

    client            asks a registry of others: Confluent's, Karapace, Apicurio, Redpanda
    registry_server   answers the same calls out of our own catalogue, for tools that know them

Not to be mixed up with infra/registry, where running services register.
"""
