"""Sagas of a real cluster: as processes, and as people ask for them.

    sources, files            where definitions are found
    bootstrap, process        definitions become orchestrators that run
    address                   how a person names one saga
    operations                what is asked of a saga, and its answer
    reading, history, board   where sagas stand

What a saga is and does stands in penstock.sagas.
"""
