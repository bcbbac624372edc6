"""Benchmarks: what the program costs, measured beside a baseline in the same run.

    decode   steps a second of the engine, beside eager PyTorch
    serve    poems a second over HTTP, beside a server without batches
    swap     what readers notice when another version starts to serve
    train    characters a second of training, beside a plain training loop
    soak     ten minutes of mixed load, training and swapping: errors, memory, file handles
    lesson   minutes of a run after ten thousand ticks
    trials   how often the trial and the gate err between equals
    compare  which small network learns a text best

Of `decode` and `serve`, only the baselines import PyTorch; what is measured does without.
"""
