"""Schemas in files: of classes as files, of files as schemas or classes.

export        a file for each type, for those who have no Python of ours
reading       schemas of files, for those who have no Python of theirs
generation    classes made of files, as a package; wishes say what of what
texts, roles  what is judged in each text: that it is a schema, and where its records travel
"""
