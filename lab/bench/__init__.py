"""The benches: what the program costs, measured beside a baseline in the same run.

    decode   characters a second of the engine, beside eager torch
    serve    poems a second over HTTP, beside a server as the ancestor's was
    swap     what readers notice of a new version
    train    characters a second of a lesson, beside a plain loop
    soak     ten minutes of mixed readers, training and swapping: does it stay well?

Torch is imported here by the baselines alone, never by what they are measured against.
"""
