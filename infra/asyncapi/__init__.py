"""An app as an AsyncAPI document, for people and tools that know neither Python nor penstock.

document      the whole: servers, channels, and what follows
messages      payload, key and headers of each type
operations    what each worker and each saga sends and receives
"""
