"""Who a client is: PLAIN and SCRAM, on the server's side.

Pure: passwords and the server's nonce are arguments. What a client sends either brings it one step
further or is refused; nothing else comes out.
"""
